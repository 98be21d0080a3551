#pragma once
// How long a provider asks to be left alone, and how much of its limits is left. Every form ends between 0 ms and 24 h;
// one that cannot be read counts as not given.

#include <optional>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/http_fields.hpp"
#include "core/pace.hpp"
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

// Headers x-ratelimit-limit-, -remaining- and -reset- of requests, tokens and images. A limit of which nobody says when
// it is whole again tells nothing, and is left out; so is one of 0.
std::vector<core::AxisLimit> told_limits(const HttpAnswer& answer);

// A whole number and nothing else, up to what bigint holds.
std::optional<std::uint64_t> parse_count(std::string_view text);

}  // namespace atelier::provider
