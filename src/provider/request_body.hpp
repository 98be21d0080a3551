#pragma once
// Bodies of requests, written piece by piece: pictures are encoded into them without being copied first.

#include <string>
#include <string_view>

#include "core/json.hpp"
#include "core/result.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {

// base_url, api_version and what follows, joined by slashes. `path` has no leading one.
std::string url_of(const Endpoint& endpoint, std::string_view path);

// A JSON string with its quotes.
void append_json_string(std::string& body, std::string_view text);

// Ends an object whose opening brace and first member are in `body`: `,"name":value...}`
void append_other_members(std::string& body, const core::Json& members);

// Room for the pictures of a call in base64, and a little more.
std::size_t encoded_bytes(const Call& call) noexcept;

// invalid_request when a picture's type is not one of `mimes` or it has no bytes.
core::Result<void> check_pictures(const Call& call, std::initializer_list<std::string_view> mimes);

// multipart/form-data (RFC 7578), as fetch() of the browsers writes it. Names are ours and need no escaping.
class Multipart {
  public:
    explicit Multipart(const std::string& boundary);

    // Line breaks go as CR LF.
    void add_text(std::string_view name, std::string_view value);
    void add_file(std::string_view name, const Picture& picture);
    std::string finish() &&;

    std::string content_type() const;

  private:
    void begin_part(std::string_view name);

    std::string boundary_;
    std::string body_;
};

}  // namespace atelier::provider
