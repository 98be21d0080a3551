#pragma once
// Header fields of an answer that mean the same from every server. How long one asks to be left alone ends between 0 ms
// and 24 h; a form that cannot be read counts as not given.

#include <chrono>
#include <optional>
#include <string_view>

#include "core/clock.hpp"
#include "core/http.hpp"

namespace atelier::core {

inline constexpr Milliseconds max_retry_after = std::chrono::hours(24);

// The value of the first header of that name (lower case); nullopt when there is none.
std::optional<std::string_view> find_header(const HttpAnswer& answer, std::string_view name);

// IMF-fixdate of RFC 9110 section 5.6.7; the two obsolete forms are not read.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

// Headers retry-after-ms, else retry-after (RFC 9110: seconds or a date). There is no clock here, so that a date counts
// from the Date header of the same answer; without that one it cannot be used.
std::optional<Milliseconds> retry_after(const HttpAnswer& answer);

// Cuts an unsigned decimal number off the front: digits, perhaps a fraction; no sign, no exponent, no "nan".
std::optional<double> take_number(std::string_view& text);

// Such a number of units and nothing else.
std::optional<Milliseconds> parse_pause(std::string_view text, double unit_in_milliseconds);
Milliseconds bounded_pause(double milliseconds);

}  // namespace atelier::core
