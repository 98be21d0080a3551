#pragma once
// How long a provider asks to be left alone. Every form ends between 0 ms and 24 h; one that cannot be read counts as
// not given.

#include <optional>
#include <string_view>

#include "core/clock.hpp"
#include "core/http_fields.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {

using core::find_header;
using core::max_retry_after;
using core::retry_after;

// "1h30m0s", "8.64s", "20ms": what Go prints, and with it "34.07s" of google.protobuf.Duration.
std::optional<core::Milliseconds> parse_duration(std::string_view text);

// Headers x-ratelimit-reset-requests and -tokens of OpenAI: the longest among the limits that have nothing left, or of
// both when neither says so (the request may have asked for more than was left).
std::optional<core::Milliseconds> limit_reset(const HttpAnswer& answer);

}  // namespace atelier::provider
