#pragma once
// How long a provider asks to be left alone. Every form ends between 0 ms and 24 h; one that cannot be read counts as
// not given.

#include <optional>
#include <string_view>

#include "core/clock.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {

inline constexpr core::Milliseconds max_retry_after = std::chrono::hours(24);

// The value of the first header of that name (lower case); nullopt when there is none.
std::optional<std::string_view> find_header(const HttpAnswer& answer, std::string_view name);

// "1h30m0s", "8.64s", "20ms": what Go prints, and with it "34.07s" of google.protobuf.Duration.
std::optional<core::Milliseconds> parse_duration(std::string_view text);

// Headers retry-after-ms, else retry-after (RFC 9110: seconds or a date). There is no clock here, so that a date counts
// from the Date header of the same answer; without that one it cannot be used.
std::optional<core::Milliseconds> retry_after(const HttpAnswer& answer);

// Headers x-ratelimit-reset-requests and -tokens of OpenAI: the longest among the limits that have nothing left, or of
// both when neither says so (the request may have asked for more than was left).
std::optional<core::Milliseconds> limit_reset(const HttpAnswer& answer);

}  // namespace atelier::provider
