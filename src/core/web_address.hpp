#pragma once
// Addresses that came from outside, by their words: a strict subset of RFC 3986 that no two parsers read differently.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace atelier::core {

enum class HostForm {
    name,  // labels of letters, digits and hyphens, with a letter in the last one
    v4,    // four decimal numbers, in the one way to write them
    v6,
};

struct WebAddress {
    bool is_secure = false;          // https, else http
    std::string host;                // lower case; an IPv6 address with its brackets
    HostForm form = HostForm::name;  // of the host
    std::uint16_t port = 0;          // that of the scheme where none is given
    std::string target;              // path and query as they came; empty, or begins with a slash or a question mark
};

// What a host is; nullopt for what is none: another way to write a number (127.1, 0x7f.1, 2130706433), a dot at the
// end, labels of more than 63 bytes or with a hyphen at an end, an underscore, more than 253 bytes, IPv6 with a zone.
// `host` in lower case.
std::optional<HostForm> host_form(std::string_view host) noexcept;

// http(s)://host[:port] with path and query; nullopt for anything else: another scheme, a user name, a fragment, a
// backslash, what is not printable ASCII, more than 2048 bytes.
std::optional<WebAddress> parse_web_address(std::string_view url);

// Scheme, host and port are the same.
bool is_same_origin(const WebAddress& one, const WebAddress& other) noexcept;

}  // namespace atelier::core
