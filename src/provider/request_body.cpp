#include "provider/request_body.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace atelier::provider {
namespace {

constexpr std::size_t max_quoted_bytes = 100;

// "product.png". The role comes from an order: nothing of it may end the quotes.
std::string filename_of(const Picture& picture) {
    std::string name;
    for (const char character : picture.role.substr(0, max_quoted_bytes)) {
        const bool plain = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
                           (character >= '0' && character <= '9') || character == '_' || character == '-';
        name += plain ? character : '_';
    }
    return name + "." + picture.mime.substr(picture.mime.find('/') + 1);
}

}  // namespace

std::string url_of(const Endpoint& endpoint, std::string_view path) {
    std::string url = endpoint.base_url;
    if (!endpoint.api_version.empty()) url.append("/").append(endpoint.api_version);
    return url.append("/").append(path);
}

void append_json_string(std::string& body, std::string_view text) {
    body += core::write_json(core::Json(text));
}

void append_other_members(std::string& body, const core::Json& members) {
    if (members.empty()) {
        body += '}';
        return;
    }
    body += ',';
    body.append(core::write_json(members), 1);
}

std::size_t encoded_bytes(const Call& call) noexcept {
    std::size_t bytes = 0;
    for (const Picture& picture : call.pictures)
        bytes += (picture.bytes.size() + 2) / 3 * 4 + 200;
    return bytes;
}

core::Result<void> check_pictures(const Call& call, std::initializer_list<std::string_view> mimes) {
    for (const Picture& picture : call.pictures) {
        const std::string role = core::to_storable_text(picture.role, max_quoted_bytes);
        if (std::find(mimes.begin(), mimes.end(), picture.mime) == mimes.end()) {
            return core::Error{core::ErrorClass::invalid_request,
                               "the provider takes no " + core::to_storable_text(picture.mime, max_quoted_bytes) +
                                   " (the picture \"" + role + "\")"};
        }
        if (picture.bytes.empty())
            return core::Error{core::ErrorClass::invalid_request, "the picture \"" + role + "\" is empty"};
    }
    return {};
}

Multipart::Multipart(const std::string& boundary) : boundary_("----atelier" + boundary) {}

void Multipart::begin_part(std::string_view name) {
    body_.append("--").append(boundary_).append("\r\nContent-Disposition: form-data; name=\"").append(name);
    body_ += '"';
}

void Multipart::add_text(std::string_view name, std::string_view value) {
    begin_part(name);
    body_ += "\r\n\r\n";
    for (std::size_t at = 0; at < value.size(); ++at) {
        const bool is_break = value[at] == '\r' || value[at] == '\n';
        if (!is_break) {
            body_ += value[at];
            continue;
        }
        body_ += "\r\n";
        if (value.substr(at, 2) == "\r\n") ++at;
    }
    body_ += "\r\n";
}

void Multipart::add_file(std::string_view name, const Picture& picture) {
    body_.reserve(body_.size() + picture.bytes.size() + 1024);
    begin_part(name);
    body_.append("; filename=\"").append(filename_of(picture)).append("\"\r\nContent-Type: ").append(picture.mime);
    body_.append("\r\n\r\n").append(picture.bytes).append("\r\n");
}

std::string Multipart::finish() && {
    body_.append("--").append(boundary_).append("--\r\n");
    return std::move(body_);
}

std::string Multipart::content_type() const {
    return "multipart/form-data; boundary=" + boundary_;
}

}  // namespace atelier::provider
