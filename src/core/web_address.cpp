#include "core/web_address.hpp"

#include <algorithm>
#include <charconv>

namespace atelier::core {
namespace {

constexpr std::size_t max_bytes = 2048;
constexpr std::size_t max_host_bytes = 253;

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_host_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.';
}

bool is_v6_character(char c) noexcept {
    return (c >= 'a' && c <= 'f') || is_digit(c) || c == ':' || c == '.';
}

// What RFC 3986 lets stand in path and query, percent signs included.
bool is_address_character(char c) noexcept {
    return c > ' ' && c < '\x7f' && std::string_view("\\\"<>^`{|}#").find(c) == std::string_view::npos;
}

bool is_host(std::string_view host) noexcept {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        const std::string_view inner = host.substr(1, host.size() - 2);
        return std::all_of(inner.begin(), inner.end(), is_v6_character);
    }
    return !host.empty() && host.size() <= max_host_bytes && host.front() != '.' && host.front() != '-' &&
           host.find("..") == std::string_view::npos && std::all_of(host.begin(), host.end(), is_host_character);
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
    std::uint16_t port = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (failure != std::errc{} || end != digits.data() + digits.size() || port == 0) return std::nullopt;
    return port;
}

}  // namespace

std::optional<WebAddress> parse_web_address(std::string_view url) {
    if (url.size() > max_bytes) return std::nullopt;
    WebAddress address;
    address.is_secure = url.starts_with("https://");
    if (!address.is_secure && !url.starts_with("http://")) return std::nullopt;
    url.remove_prefix(address.is_secure ? 8 : 7);
    if (!std::all_of(url.begin(), url.end(), is_address_character)) return std::nullopt;
    const std::string_view authority = url.substr(0, url.find_first_of("/?"));
    const std::size_t after_v6 = authority.starts_with('[') ? authority.find(']') : 0;
    if (after_v6 == std::string_view::npos) return std::nullopt;
    const std::size_t colon = authority.find(':', after_v6);
    address.host = authority.substr(0, colon);
    std::transform(address.host.begin(), address.host.end(), address.host.begin(), lower);
    if (!is_host(address.host)) return std::nullopt;
    address.port = address.is_secure ? 443 : 80;
    if (colon == std::string_view::npos) return address;
    const auto port = parse_port(authority.substr(colon + 1));
    if (!port) return std::nullopt;
    address.port = *port;
    return address;
}

bool is_same_origin(const WebAddress& one, const WebAddress& other) noexcept {
    return one.is_secure == other.is_secure && one.host == other.host && one.port == other.port;
}

}  // namespace atelier::core
