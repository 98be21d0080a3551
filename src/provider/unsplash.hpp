#pragma once
// Unsplash, of which photos are shown from where they are (https://unsplash.com/documentation and the API guidelines):
// requests and what their answers say. Pure. Errors of the service: {"errors":["..."]}; over the limit it says 403 with
// X-Ratelimit-Remaining: 0, and when that ends it does not say.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/http.hpp"
#include "core/pace.hpp"
#include "core/result.hpp"

namespace atelier::provider::unsplash {

struct Photo {
    std::string id;
    std::string picture_url;  // of the picture, bounded in size, with the ixid that counts its views
    std::string page_url;
    std::string photographer;
    std::string profile_url;        // of the photographer
    std::string download_location;  // to be asked for once when the photo is used
    std::string description;        // what it shows; empty: not said
};

template <class T>
struct Verdict {
    core::Result<T> result;
    std::optional<core::Milliseconds> retry_after{};
    std::vector<core::AxisLimit> limits{};  // what is left of the requests of an hour
};

struct Nothing {};

// 1 to 64 letters, digits, '-' and '_'.
bool is_photo_id(std::string_view id) noexcept;

// `base_url` as configured. invalid_request for an id that is none; auth for a key that cannot stand in a header.
core::Result<core::HttpRequest> ask_for_photo(const std::string& base_url, const std::string& id,
                                              const std::string& key);
// To the configured server, which alone gets the key: where it stands in for Unsplash, it is asked for the path and
// query of an address of Unsplash's own. invalid_request where the address is of neither.
core::Result<core::HttpRequest> tell_of_use(const std::string& base_url, const std::string& download_location,
                                            const std::string& key);
// Without a key. invalid_request where the address is neither https of a host of Unsplash nor of the configured server.
core::Result<core::HttpRequest> ask_for_picture(const std::string& base_url, const std::string& picture_url);

// Messages quote at most 300 bytes of the answer and may echo the key: core::redact() them.
Verdict<Photo> judge_photo(const core::HttpAnswer& answer);
Verdict<Nothing> judge_use(const core::HttpAnswer& answer);
// Of a picture: its bytes are not looked at. Classes: invalid_request, storage_failed.
Verdict<Nothing> judge_picture(const core::HttpAnswer& answer);

}  // namespace atelier::provider::unsplash
