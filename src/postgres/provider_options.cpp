#include "postgres/provider_options.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace atelier::postgres {

namespace {

constexpr std::int64_t second_ms = 1000;
constexpr std::int64_t minute_ms = 60 * second_ms;
constexpr std::int64_t hour_ms = 60 * minute_ms;
constexpr std::int64_t day_ms = 24 * hour_ms;

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

bool is_host_name(std::string_view host) {
    if (host.empty() || host.size() > 253 || host.back() == '.') return false;
    while (!host.empty()) {
        const std::string_view label = take_part(host, '.');
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
        if (!all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-'; })) return false;
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

// Letters, digits and what RFC 3986 calls unreserved: nothing that would be decoded or resolved.
bool is_path_segment(std::string_view segment) {
    if (segment.empty() || segment == "." || segment == "..") return false;
    return all_of(segment,
                  [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~'; });
}

bool is_base_url(std::string_view url) {
    constexpr std::string_view secure = "https://";
    constexpr std::string_view plain = "http://";
    if (url.size() > 2000) return false;
    const bool is_secure = url.substr(0, secure.size()) == secure;
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

bool is_api_version(std::string_view version) {
    return version.size() <= 100 && is_path_segment(version);
}

bool is_model(std::string_view model) {
    if (model.empty() || model.size() > 200 || model.find("..") != std::string_view::npos) return false;
    return all_of(model, [](char c) { return is_graphic(c) && c != '?' && c != '&' && c != '#'; });
}

// The model of a gemini call is part of the path.
bool is_path_model(std::string_view model) {
    return is_model(model) && model.find('/') == std::string_view::npos;
}

template <std::int64_t most_ms>
bool is_duration(std::string_view value) {
    const std::optional<std::int64_t> ms = provider_duration_ms(value);
    return ms && *ms >= 1 && *ms <= most_ms;
}

bool is_policy(std::string_view policy) {
    return policy == "hold" || policy == "retry";
}

// It becomes a header: a line break in it would begin another one.
bool is_key(std::string_view key) {
    return !key.empty() && key.size() <= 4096 && all_of(key, is_graphic);
}

bool is_absolute_path(std::string_view path) {
    return path.size() > 1 && path.size() <= 1000 && path.front() == '/' &&
           all_of(path, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
}

bool is_variable_name(std::string_view name) {
    if (name.empty() || name.size() > 200 || is_digit(name.front())) return false;
    return all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

constexpr const char* url_words =
    "It is https://host[:port][/path] without user, query, fragment and trailing slash; http:// only for localhost, "
    "127.0.0.0/8 and [::1].";
constexpr const char* model_words =
    "It is the name of a model: 1 to 200 printable ASCII characters without blank, \"..\", \"?\", \"&\" and \"#\".";
constexpr const char* path_model_words =
    "It is the name of a model: 1 to 200 printable ASCII characters without blank, \"..\", \"/\", \"?\", \"&\" and "
    "\"#\".";

constexpr ProviderOption connect_timeout = {
    "connect_timeout",
    OptionPlace::server,
    false,
    is_duration<5 * minute_ms>,
    "It is a time from 1ms to 5min: a whole number and one of the units ms, s, min, such as 10s.",
    "10s"};
constexpr ProviderOption progress_timeout = {
    "progress_timeout",
    OptionPlace::server,
    false,
    is_duration<hour_ms>,
    "It is a time from 1ms to 1h: a whole number and one of the units ms, s, min, h, such as 3min.",
    "3min"};
constexpr ProviderOption timeout = {
    "timeout",
    OptionPlace::server,
    false,
    is_duration<day_ms>,
    "It is a time from 1ms to 1d: a whole number and one of the units ms, s, min, h, d, such as 10min.",
    "10min"};
constexpr ProviderOption outcome_unknown = {"outcome_unknown", OptionPlace::server,    false,
                                            is_policy,         "It is hold or retry.", "hold"};
constexpr ProviderOption api_key = {
    "api_key", OptionPlace::user_mapping, false, is_key, "It is 1 to 4096 printable ASCII characters without blank.",
    nullptr};
constexpr ProviderOption api_key_file = {"api_key_file",
                                         OptionPlace::user_mapping,
                                         true,
                                         is_absolute_path,
                                         "It is the absolute path of a file on the server.",
                                         nullptr};
constexpr ProviderOption api_key_env = {"api_key_env",
                                        OptionPlace::user_mapping,
                                        true,
                                        is_variable_name,
                                        "It is the name of an environment variable: letters, digits and underscores.",
                                        nullptr};

constexpr ProviderOption gemini_options[] = {
    {"base_url", OptionPlace::server, true, is_base_url, url_words, "https://generativelanguage.googleapis.com"},
    {"api_version", OptionPlace::server, false, is_api_version, "It is one segment of a path, such as v1beta.",
     "v1beta"},
    {"image_model", OptionPlace::server, false, is_path_model, path_model_words, nullptr},
    {"json_model", OptionPlace::server, false, is_path_model, path_model_words, nullptr},
    {"text_model", OptionPlace::server, false, is_path_model, path_model_words, nullptr},
    connect_timeout,
    progress_timeout,
    timeout,
    outcome_unknown,
    api_key,
    api_key_file,
    api_key_env,
};

// The path of base_url holds the version.
constexpr ProviderOption openai_options[] = {
    {"base_url", OptionPlace::server, true, is_base_url, url_words, "https://api.openai.com/v1"},
    {"image_model", OptionPlace::server, false, is_model, model_words, nullptr},
    {"json_model", OptionPlace::server, false, is_model, model_words, nullptr},
    {"text_model", OptionPlace::server, false, is_model, model_words, nullptr},
    connect_timeout,
    progress_timeout,
    timeout,
    outcome_unknown,
    api_key,
    api_key_file,
    api_key_env,
};

}  // namespace

std::optional<ProviderKind> provider_kind(std::string_view wrapper) noexcept {
    if (wrapper == "atelier_gemini") return ProviderKind::gemini;
    if (wrapper == "atelier_openai") return ProviderKind::openai;
    return std::nullopt;
}

const char* to_string(ProviderKind kind) noexcept {
    return kind == ProviderKind::gemini ? "gemini" : "openai";
}

ProviderOptions provider_options(ProviderKind kind) noexcept {
    if (kind == ProviderKind::gemini) return {gemini_options, std::size(gemini_options)};
    return {openai_options, std::size(openai_options)};
}

const ProviderOption* find_provider_option(ProviderKind kind, OptionPlace place, std::string_view name) noexcept {
    for (const ProviderOption& option : provider_options(kind)) {
        if (option.place == place && option.name == name) return &option;
    }
    return nullptr;
}

std::optional<std::int64_t> provider_duration_ms(std::string_view value) noexcept {
    struct Unit {
        std::string_view name;
        std::int64_t ms;
    };
    constexpr std::array<Unit, 5> units = {
        {{"ms", 1}, {"s", second_ms}, {"min", minute_ms}, {"h", hour_ms}, {"d", day_ms}}};
    const std::size_t digits = std::min(value.find_first_not_of("0123456789"), value.size());
    const std::optional<std::int64_t> number = whole_number(value.substr(0, digits));
    if (!number) return std::nullopt;
    value.remove_prefix(digits);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    for (const Unit& unit : units) {
        if (value == unit.name) return *number * unit.ms;
    }
    return std::nullopt;
}

}  // namespace atelier::postgres
