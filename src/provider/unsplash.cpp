#include "provider/unsplash.hpp"

#include <algorithm>
#include <chrono>

#include "core/http_fields.hpp"
#include "core/json.hpp"
#include "core/text.hpp"
#include "core/web_address.hpp"
#include "provider/failure.hpp"
#include "provider/rate_limits.hpp"

namespace atelier::provider::unsplash {
namespace {

using core::Error;
using core::ErrorClass;
using core::HttpAnswer;
using core::HttpRequest;
using core::Json;
using core::Result;

constexpr std::size_t max_id_bytes = 64;
constexpr std::size_t max_name_bytes = 200;
constexpr std::size_t max_description_bytes = 1000;
constexpr std::string_view own_api = "https://api.unsplash.com";
constexpr std::string_view own_domain = ".unsplash.com";
// Of imgix: sharp enough for a scene, at most some 2 MB, and the same bytes for every client.
constexpr std::string_view picture_size = "w=2048&fit=max&fm=jpg&q=80";
// The limit is one of requests an hour.
constexpr std::chrono::minutes pause_without_word{10};

Error refuse(std::string message) {
    return {ErrorClass::invalid_request, std::move(message)};
}

Result<HttpRequest> with_key(std::string url, const std::string& key) {
    const bool is_header_text =
        !key.empty() && std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (!is_header_text) return Error{ErrorClass::auth, "the key is not one word of visible ASCII characters"};
    return HttpRequest{std::move(url),
                       {"Authorization: Client-ID " + key, "Accept-Version: v1", "Accept: application/json"},
                       {},
                       "GET"};
}

// What an error says, without a full stop; empty when it says nothing.
std::string words_of(const HttpAnswer& answer) {
    const auto json = core::parse_json(answer.body, {64 * 1024, 8}, ErrorClass::invalid_output);
    if (!json) return answer.body.starts_with('<') ? std::string() : quote(answer.body);
    const Json* errors = core::find_member(*json, "errors", Json::value_t::array);
    if (!errors || errors->empty() || !errors->front().is_string()) return {};
    return quote(errors->front().get_ref<const std::string&>());
}

bool is_over_the_limit(const HttpAnswer& answer, const std::string& words) {
    if (answer.status == 429) return true;
    if (answer.status != 403) return false;
    return core::find_header(answer, "x-ratelimit-remaining") == "0" || mentions(words, "rate limit");
}

ErrorClass class_of(const HttpAnswer& answer, const std::string& words) {
    if (is_over_the_limit(answer, words)) return ErrorClass::rate_limited;
    return answer.status == 410 ? ErrorClass::invalid_request : class_of_status(answer.status);
}

// There is no word of when it is whole again.
std::vector<core::AxisLimit> limits_of(const HttpAnswer& answer) {
    const auto limit = core::find_header(answer, "x-ratelimit-limit");
    const auto remaining = core::find_header(answer, "x-ratelimit-remaining");
    core::AxisLimit told{core::Axis::requests, {}, {}, {}, std::chrono::hours{1}};
    if (limit) told.limit = parse_count(*limit);
    if (remaining) told.remaining = parse_count(*remaining);
    if (told.limit.value_or(0) == 0) return {};
    return {told};
}

template <class T>
Verdict<T> failed_call(const HttpAnswer& answer) {
    const std::string words = words_of(answer);
    const ErrorClass cls = class_of(answer, words);
    std::string message = answer.status == 404 ? "there is no such photo" : "Unsplash answered";
    message += answer.status == 404 ? " (404)" : " " + std::to_string(answer.status);
    if (!words.empty()) message += ": " + words;
    auto pause = may_pause(cls) ? core::retry_after(answer) : std::nullopt;
    if (cls == ErrorClass::rate_limited && !pause) pause = pause_without_word;
    return {Error{cls, std::move(message)}, pause, limits_of(answer)};
}

std::string text_of(const Json& object, const char* name, std::size_t max_bytes) {
    const std::string* text = core::find_string(object, name);
    return text ? core::to_storable_text(*text, max_bytes) : std::string();
}

// Empty when there is none, or it is no address.
std::string address_of(const Json& photo, const char* group, const char* name) {
    const Json* members = core::find_member(photo, group, Json::value_t::object);
    const std::string* address = members ? core::find_string(*members, name) : nullptr;
    return address && core::parse_web_address(*address) ? *address : std::string();
}

bool is_true(const Json& object, const char* name) {
    const Json* member = core::find_member(object, name, Json::value_t::boolean);
    return member && member->get<bool>();
}

Result<Photo> read_photo(const Json& json) {
    const Json* user = core::find_member(json, "user", Json::value_t::object);
    if (!user) return Error{ErrorClass::invalid_output, "Unsplash did not say whose photo it is"};
    if (is_true(json, "plus") || is_true(json, "premium"))
        return refuse("the photo is one of Unsplash+, which its API does not license");
    Photo photo;
    photo.id = text_of(json, "id", max_id_bytes);
    photo.page_url = address_of(json, "links", "html");
    photo.photographer = text_of(*user, "name", max_name_bytes);
    photo.profile_url = address_of(*user, "links", "html");
    photo.download_location = address_of(json, "links", "download_location");
    photo.description = text_of(json, "alt_description", max_description_bytes);
    const std::string raw = address_of(json, "urls", "raw");
    const bool is_whole = is_photo_id(photo.id) && !photo.page_url.empty() && !photo.photographer.empty() &&
                          !photo.profile_url.empty() && !photo.download_location.empty() && !raw.empty();
    if (!is_whole) return Error{ErrorClass::invalid_output, "Unsplash described the photo without all of its parts"};
    photo.picture_url = raw + (raw.find('?') == std::string::npos ? '?' : '&') + std::string(picture_size);
    return photo;
}

// With the query.
std::string path_of(const std::string& address) {
    const std::size_t begin = address.find_first_of("/?", address.find("://") + 3);
    return begin == std::string::npos ? std::string() : address.substr(begin);
}

}  // namespace

bool is_photo_id(std::string_view id) noexcept {
    return !id.empty() && id.size() <= max_id_bytes && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

Result<HttpRequest> ask_for_photo(const std::string& base_url, const std::string& id, const std::string& key) {
    if (!is_photo_id(id)) return refuse("the id of the photo is none");
    return with_key(base_url + "/photos/" + id, key);
}

Result<HttpRequest> tell_of_use(const std::string& base_url, const std::string& download_location,
                                const std::string& key) {
    const auto address = core::parse_web_address(download_location);
    if (!address) return refuse("the download location of the photo is no address");
    const auto configured = core::parse_web_address(base_url);
    if (configured && core::is_same_origin(*address, *configured)) return with_key(download_location, key);
    const bool is_own = core::is_same_origin(*address, *core::parse_web_address(own_api));
    if (!is_own) return refuse("the download location of the photo is of another server, " + address->host);
    return with_key(base_url + path_of(download_location), key);
}

Result<HttpRequest> ask_for_picture(const std::string& base_url, const std::string& picture_url) {
    const auto address = core::parse_web_address(picture_url);
    const auto configured = core::parse_web_address(base_url);
    if (!address || !configured) return refuse("the address of the photo is none");
    const bool is_allowed = core::is_same_origin(*address, *configured) ||
                            (address->is_secure && address->port == 443 && address->host.ends_with(own_domain));
    if (!is_allowed) return refuse("the address of the photo is of another server, " + address->host);
    return HttpRequest{picture_url, {"Accept: image/jpeg, image/png, image/webp"}, {}, "GET"};
}

Verdict<Photo> judge_photo(const HttpAnswer& answer) {
    if (!is_success(answer.status)) return failed_call<Photo>(answer);
    const auto json = core::parse_json(answer.body, {}, ErrorClass::invalid_output);
    if (!json) return {Error{ErrorClass::invalid_output, "Unsplash answered with " + json.error().message}};
    return {read_photo(*json), {}, limits_of(answer)};
}

Verdict<Nothing> judge_use(const HttpAnswer& answer) {
    if (!is_success(answer.status)) return failed_call<Nothing>(answer);
    return {Nothing{}, {}, limits_of(answer)};
}

Verdict<Nothing> judge_picture(const HttpAnswer& answer) {
    const std::string said = "the server of the photo answered " + std::to_string(answer.status);
    if (is_success(answer.status)) return {Nothing{}};
    if (answer.status >= 300 && answer.status < 400) {
        return {refuse(said + "; a redirection is not followed")};
    }
    if (may_pause(class_of_status(answer.status))) {
        return {Error{ErrorClass::storage_failed, said}, core::retry_after(answer)};
    }
    return {refuse(said + "; it may have been taken down")};
}

}  // namespace atelier::provider::unsplash
