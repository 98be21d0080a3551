#pragma once
// Addresses that came from outside, by their words: a strict subset of RFC 3986 that no two parsers read differently.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace atelier::core {

struct WebAddress {
    bool is_secure = false;  // https, else http
    std::string host;        // lower case; an IPv6 address with its brackets
    std::uint16_t port = 0;  // that of the scheme where none is given
};

// http(s)://host[:port] with path and query; nullopt for anything else: another scheme, a user name, a fragment, a
// backslash, what is not printable ASCII, more than 2048 bytes.
std::optional<WebAddress> parse_web_address(std::string_view url);

// Scheme, host and port are the same.
bool is_same_origin(const WebAddress& one, const WebAddress& other) noexcept;

}  // namespace atelier::core
