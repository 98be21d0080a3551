#include "postgres/option_values.hpp"

#include <algorithm>
#include <array>

namespace atelier::postgres::option_values {

namespace {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// ASCII without blank and control characters.
constexpr bool is_graphic(char c) {
    return c > ' ' && c < '\x7f';
}

bool all_of(std::string_view text, bool (*is)(char)) {
    return std::all_of(text.begin(), text.end(), is);
}

// A whole number of at most nine digits, without leading zeros.
std::optional<std::int64_t> whole_number(std::string_view digits) {
    if (digits.empty() || digits.size() > 9 || !all_of(digits, is_digit)) return std::nullopt;
    if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
    std::int64_t number = 0;
    for (const char digit : digits)
        number = number * 10 + (digit - '0');
    return number;
}

// Cuts `text` at the first separator: what stands before it is returned, what stands after it is left.
std::string_view take_part(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return part;
}

bool is_host_label(std::string_view label) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    return all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

bool is_host_name(std::string_view host) {
    if (host.empty() || host.size() > 253 || host.back() == '.') return false;
    while (!host.empty()) {
        if (!is_host_label(take_part(host, '.'))) return false;
    }
    return true;
}

// Four decimal numbers: 127.example.org and 127.1 are names that a resolver may send anywhere.
bool is_loopback_v4(std::string_view host) {
    for (int i = 0; i < 4; ++i) {
        if (i > 0 && host.empty()) return false;
        const std::optional<std::int64_t> part = whole_number(take_part(host, '.'));
        if (!part || *part > 255 || (i == 0 && *part != 127)) return false;
    }
    return host.empty();
}

bool is_loopback(std::string_view host) {
    return host == "localhost" || host == "[::1]" || is_loopback_v4(host);
}

bool is_v6_literal(std::string_view host) {
    if (host.size() < 4 || host.size() > 47 || host.front() != '[' || host.back() != ']') return false;
    return all_of(host.substr(1, host.size() - 2), [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
    });
}

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

// A whole number, perhaps a blank, and one of the units.
template <std::size_t count>
std::optional<std::int64_t> quantity(std::string_view value, const std::array<Unit, count>& units) {
    const std::size_t digits = std::min(value.find_first_not_of("0123456789"), value.size());
    const std::optional<std::int64_t> number = whole_number(value.substr(0, digits));
    if (!number) return std::nullopt;
    value.remove_prefix(digits);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    for (const Unit& unit : units) {
        if (value == unit.name) return *number * unit.factor;
    }
    return std::nullopt;
}

// Letters, digits and what RFC 3986 calls unreserved: nothing that would be decoded or resolved.
bool is_path_segment(std::string_view segment) {
    if (segment.empty() || segment == "." || segment == "..") return false;
    return all_of(segment,
                  [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~'; });
}

constexpr std::string_view secure = "https://";
constexpr std::string_view plain = "http://";

}  // namespace

std::optional<std::int64_t> duration_ms(std::string_view value) noexcept {
    constexpr std::array<Unit, 5> units = {
        {{"ms", 1}, {"s", second_ms}, {"min", minute_ms}, {"h", hour_ms}, {"d", day_ms}}};
    return quantity(value, units);
}

std::optional<std::int64_t> size_bytes(std::string_view value) noexcept {
    constexpr std::array<Unit, 3> units = {{{"kB", 1024}, {"MB", megabyte}, {"GB", gigabyte}}};
    return quantity(value, units);
}

bool is_https(std::string_view url) noexcept {
    return url.substr(0, secure.size()) == secure;
}

bool is_base_url(std::string_view url) noexcept {
    if (url.size() > 2000) return false;
    const bool is_secure = is_https(url);
    if (!is_secure && url.substr(0, plain.size()) != plain) return false;
    url.remove_prefix(is_secure ? secure.size() : plain.size());

    const std::size_t slash = url.find('/');
    std::string_view authority = url.substr(0, slash);
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
    const std::string_view host = authority.substr(0, colon);
    if (!is_host_name(host) && !is_v6_literal(host)) return false;
    if (!is_secure && !is_loopback(host)) return false;
    if (colon != std::string_view::npos) {
        const std::optional<std::int64_t> port = whole_number(authority.substr(colon + 1));
        if (!port || *port < 1 || *port > 65535) return false;
    }
    if (slash == std::string_view::npos) return true;
    std::string_view path = url.substr(slash + 1);
    if (path.empty() || path.back() == '/') return false;
    while (!path.empty()) {
        if (!is_path_segment(take_part(path, '/'))) return false;
    }
    return true;
}

bool is_api_version(std::string_view version) noexcept {
    return version.size() <= 100 && is_path_segment(version);
}

bool is_model(std::string_view model) noexcept {
    if (model.empty() || model.size() > 200 || model.find("..") != std::string_view::npos) return false;
    return all_of(model, [](char c) { return is_graphic(c) && c != '?' && c != '&' && c != '#'; });
}

bool is_path_model(std::string_view model) noexcept {
    return is_model(model) && model.find('/') == std::string_view::npos;
}

// It becomes a header: a line break in it would begin another one.
bool is_key(std::string_view key) noexcept {
    return !key.empty() && key.size() <= 4096 && all_of(key, is_graphic);
}

bool is_file_path(std::string_view path) noexcept {
    return path.size() > 1 && path.size() <= 1000 && path.front() == '/' &&
           all_of(path, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
}

bool is_variable_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > 200 || is_digit(name.front())) return false;
    return all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

bool is_bucket_label(std::string_view value) noexcept {
    return is_host_label(value) && all_of(value, [](char c) { return c < 'A' || c > 'Z'; });
}

// As part of a path it must not be one that is resolved.
bool is_bucket(std::string_view value) noexcept {
    if (value.empty() || value.size() > 255 || value == "." || value == "..") return false;
    return all_of(value,
                  [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_' || c == ':'; });
}

// It becomes part of the host where no endpoint is set.
bool is_region(std::string_view value) noexcept {
    return is_host_label(value);
}

bool is_header_value(std::string_view value) noexcept {
    if (value.empty() || value.size() > 200 || value.front() == ' ' || value.back() == ' ') return false;
    return all_of(value, [](char c) { return is_graphic(c) || c == ' '; });
}

}  // namespace atelier::postgres::option_values
