#include "core/web_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace atelier::core {
namespace {

constexpr std::size_t max_bytes = 2048;
constexpr std::size_t max_host_bytes = 253;
constexpr std::size_t max_label_bytes = 63;

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_label_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
}

// What RFC 3986 lets stand in path and query, percent signs included.
bool is_address_character(char c) noexcept {
    return c > ' ' && c < '\x7f' && std::string_view("\\\"<>^`{|}#").find(c) == std::string_view::npos;
}

bool is_label(std::string_view label) noexcept {
    return !label.empty() && label.size() <= max_label_bytes && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), is_label_character);
}

// As inet_aton() and browsers read it: such a host is an address, however it is written.
bool reads_as_number(std::string_view last_label) noexcept {
    return std::all_of(last_label.begin(), last_label.end(), is_digit) || last_label.starts_with("0x");
}

bool is_address_of(int family, std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
    std::copy(text.begin(), text.end(), terminated.begin());
    std::array<unsigned char, 16> bytes{};
    return ::inet_pton(family, terminated.data(), bytes.data()) == 1;
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
    if (digits.starts_with('0')) return std::nullopt;
    std::uint16_t port = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return port;
}

}  // namespace

std::optional<HostForm> host_form(std::string_view host) noexcept {
    if (host.starts_with('[')) {
        const bool is_v6 = host.ends_with(']') && is_address_of(AF_INET6, host.substr(1, host.size() - 2));
        return is_v6 ? std::optional(HostForm::v6) : std::nullopt;
    }
    if (host.size() > max_host_bytes) return std::nullopt;
    std::string_view rest = host;
    std::string_view label;
    for (bool is_last = false; !is_last;) {
        label = rest.substr(0, rest.find('.'));
        if (!is_label(label)) return std::nullopt;
        is_last = label.size() == rest.size();
        // After a dot at the end there is one more label, which is empty.
        if (!is_last) rest.remove_prefix(label.size() + 1);
    }
    if (!reads_as_number(label)) return HostForm::name;
    return is_address_of(AF_INET, host) ? std::optional(HostForm::v4) : std::nullopt;
}

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
    const auto form = host_form(address.host);
    if (!form) return std::nullopt;
    address.form = *form;
    address.target = url.substr(authority.size());
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
