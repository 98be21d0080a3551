// Where an object is: percent-encoding and URLs of s3_signature.hpp.

#include <algorithm>
#include <charconv>
#include <optional>

#include "storage/s3_signature.hpp"

namespace atelier::storage::s3 {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_low_letter(char c) noexcept {
    return c >= 'a' && c <= 'z';
}

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// The bytes that RFC 3986 calls unreserved.
bool is_unreserved(char c) noexcept {
    return is_low_letter(lower(c)) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

Error refuse(std::string_view reason) {
    return {ErrorClass::invalid_request, "the endpoint of the store " + std::string(reason)};
}

struct Endpoint {
    std::string scheme;  // "https"
    std::string name;    // in lower case, as user agents write it
    std::string port;    // ":9000"; empty: the scheme's own, which user agents leave out
    std::string_view path;
};

// The port in the form in which it is sent.
std::optional<std::string> read_port(std::string_view digits, std::string_view scheme) {
    unsigned port = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (failure != std::errc() || end != digits.data() + digits.size() || port < 1 || port > 65535) return std::nullopt;
    if (port == (scheme == "https" ? 443U : 80U)) return "";
    return ":" + std::to_string(port);
}

bool is_host_name(std::string_view name) noexcept {
    const bool is_v6 = name.size() > 2 && name.front() == '[' && name.back() == ']';
    if (is_v6) name = name.substr(1, name.size() - 2);
    return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
        return is_low_letter(c) || is_digit(c) || c == '.' || c == (is_v6 ? ':' : '-');
    });
}

// What would be decoded, resolved or cut off on the way does not pass.
bool is_endpoint_path(std::string_view path) noexcept {
    return !path.ends_with('/') &&
           std::all_of(path.begin(), path.end(), [](char c) { return is_unreserved(c) || c == '/'; });
}

Result<Endpoint> read_endpoint(std::string_view url) {
    Endpoint endpoint;
    endpoint.scheme = url.starts_with("https://") ? "https" : "http";
    if (!url.starts_with(endpoint.scheme + "://")) return refuse("is no http or https address");
    url.remove_prefix(endpoint.scheme.size() + 3);

    const std::size_t slash = std::min(url.find('/'), url.size());
    endpoint.path = url.substr(slash);
    const std::string_view authority = url.substr(0, slash);
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
    endpoint.name = authority.substr(0, colon);
    std::transform(endpoint.name.begin(), endpoint.name.end(), endpoint.name.begin(), lower);
    if (!is_host_name(endpoint.name)) return refuse("has no host name");
    if (!is_endpoint_path(endpoint.path)) return refuse("has a path that cannot be signed");
    if (colon == std::string_view::npos) return endpoint;
    const auto port = read_port(authority.substr(colon + 1), endpoint.scheme);
    if (!port) return refuse("has a port that is none");
    endpoint.port = *port;
    return endpoint;
}

bool is_address(std::string_view host) noexcept {
    return host.front() == '[' || std::all_of(host.begin(), host.end(), [](char c) { return is_digit(c) || c == '.'; });
}

bool may_begin_host(std::string_view bucket) noexcept {
    return std::all_of(bucket.begin(), bucket.end(),
                       [](char c) { return is_low_letter(c) || is_digit(c) || c == '-' || c == '.'; });
}

}  // namespace

std::string percent_encode(std::string_view text, bool keep_slash) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            encoded.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
    return encoded;
}

Result<ObjectUrl> object_url(const Bucket& bucket, std::string_view key) {
    const auto endpoint = read_endpoint(bucket.endpoint);
    if (!endpoint) return endpoint.error();
    if (bucket.name.empty()) return Error{ErrorClass::invalid_request, "the store has no bucket"};

    ObjectUrl url;
    url.path = endpoint->path;
    url.host = endpoint->name + endpoint->port;
    if (bucket.path_style) {
        url.path += "/" + percent_encode(bucket.name, false) + "/";
    } else {
        if (is_address(endpoint->name) || !may_begin_host(bucket.name))
            return Error{ErrorClass::invalid_request, "the bucket cannot be part of a host name: it needs path_style"};
        url.host.insert(0, bucket.name + ".");
        url.path += "/";
    }
    url.path += percent_encode(key, true);
    url.origin = endpoint->scheme + "://" + url.host;
    return url;
}

}  // namespace atelier::storage::s3
