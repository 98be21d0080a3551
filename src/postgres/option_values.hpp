#pragma once
// What values the options of foreign servers and user mappings take. Words only: nothing is opened, resolved or called.

#include <cstdint>
#include <optional>
#include <string_view>

namespace atelier::postgres::option_values {

inline constexpr std::int64_t second_ms = 1000;
inline constexpr std::int64_t minute_ms = 60 * second_ms;
inline constexpr std::int64_t hour_ms = 60 * minute_ms;
inline constexpr std::int64_t day_ms = 24 * hour_ms;
inline constexpr std::int64_t megabyte = 1024 * 1024;
inline constexpr std::int64_t gigabyte = 1024 * megabyte;

// Milliseconds of a time such as "10s": a whole number without leading zeros and one of the units ms, s, min, h, d,
// with or without a blank between. Such a text also casts to interval, to the same time. nullopt for anything else.
std::optional<std::int64_t> duration_ms(std::string_view value) noexcept;

// Bytes of a size such as "16MB", likewise, with the units kB, MB and GB, each 1024 of the one before: what
// pg_size_bytes() makes of such a text.
std::optional<std::int64_t> size_bytes(std::string_view value) noexcept;

// https://host[:port][/path], or http:// with a host that is this machine.
bool is_base_url(std::string_view value) noexcept;
inline constexpr const char* url_words =
    "It is https://host[:port][/path] without user, query, fragment and trailing slash; http:// only for localhost, "
    "127.0.0.0/8 and [::1].";
bool is_https(std::string_view url) noexcept;

// One label of a host name, with nothing in upper case.
bool is_bucket_label(std::string_view value) noexcept;

bool is_api_version(std::string_view value) noexcept;
bool is_model(std::string_view value) noexcept;
// The model of a gemini call is part of the path.
bool is_path_model(std::string_view value) noexcept;
bool is_bucket(std::string_view value) noexcept;
bool is_region(std::string_view value) noexcept;
bool is_header_value(std::string_view value) noexcept;
bool is_key(std::string_view value) noexcept;
bool is_file_path(std::string_view value) noexcept;
inline constexpr const char* file_words = "It is the absolute path of a file on the server.";
bool is_variable_name(std::string_view value) noexcept;

inline constexpr const char* connect_timeout_words =
    "It is a time from 1ms to 5min: a whole number and one of the units ms, s, min, such as 10s.";
inline constexpr const char* progress_timeout_words =
    "It is a time from 1ms to 1h: a whole number and one of the units ms, s, min, h, such as 3min.";
inline constexpr const char* timeout_words =
    "It is a time from 1ms to 1d: a whole number and one of the units ms, s, min, h, d, such as 10min.";

template <std::int64_t least_ms, std::int64_t most_ms, std::int64_t step_ms = 1>
bool is_duration(std::string_view value) noexcept {
    const std::optional<std::int64_t> ms = duration_ms(value);
    return ms && *ms >= least_ms && *ms <= most_ms && *ms % step_ms == 0;
}

template <std::int64_t least, std::int64_t most>
bool is_size(std::string_view value) noexcept {
    const std::optional<std::int64_t> bytes = size_bytes(value);
    return bytes && *bytes >= least && *bytes <= most;
}

}  // namespace atelier::postgres::option_values
