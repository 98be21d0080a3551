#pragma once
// The time in California, by which daily quotas of Google begin.

#include <chrono>

#include "core/clock.hpp"

namespace atelier::provider {

// Until the next day begins there: more than 0, at most 25 h. By the rules of the United States since 2007: daylight
// saving time from the second Sunday of March to the first Sunday of November, 2:00 in the morning each.
core::Milliseconds until_pacific_midnight(std::chrono::sys_seconds now) noexcept;

}  // namespace atelier::provider
