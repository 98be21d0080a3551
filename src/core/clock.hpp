#pragma once
// The one clock of the executor. Functions that decide something take an Instant as an argument; only the event loop
// and what it calls directly read the clock.

#include <chrono>

namespace atelier::core {

using Instant = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

// CLOCK_MONOTONIC: never goes back, knows nothing of the date.
Instant now() noexcept;

// Whole milliseconds from `start` to `end`, rounded down, never negative.
Milliseconds elapsed(Instant start, Instant end) noexcept;

}  // namespace atelier::core
