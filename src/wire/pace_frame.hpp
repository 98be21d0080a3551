#pragma once
// A core::Pace as the payload of a pace frame. Little endian, numbers of 8 bytes unless said, all bits set = not told:
//   u8 kind | u8 daily | u8 number of limits | retry_after ms | tokens | images
//   and for each limit: u8 axis | limit | remaining | reset ms | window ms

#include <optional>
#include <string>
#include <string_view>

#include "core/pace.hpp"

namespace atelier::wire {

std::string encode_pace(const core::Pace& pace);

// nullopt: no such payload, or a number out of its range.
std::optional<core::Pace> decode_pace(std::string_view payload);

}  // namespace atelier::wire
