#pragma once
// One job of the media child, from its order and inputs to its report.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/json.hpp"
#include "core/result.hpp"
#include "media/codec.hpp"

namespace atelier::media {

// Reads input number i (from 0) whole, but not more than one byte beyond `max_bytes`.
using ReadInput = std::function<core::Result<std::string>(std::size_t input, std::uint64_t max_bytes)>;

struct JobResult {
    core::Json report;
    std::string output;  // compose: the picture; empty when the report says ok:false
};

inline constexpr std::size_t max_order_bytes = 1'000'000;

// `mode` is "compose", "inspect" or "measure". `order` is the JSON text of descriptor 0; one longer than
// max_order_bytes is refused, so it need not be whole then.
JobResult run_job(std::string_view mode, std::string_view order, const ReadInput& read_input);

}  // namespace atelier::media
