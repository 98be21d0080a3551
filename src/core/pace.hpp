#pragma once
// What an answer says of the pace of its service, beside the answer itself: whether it took the request, when it wants
// to be asked again, and how much of its limits is left.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/clock.hpp"

namespace atelier::core {

// What a lane can be limited by, beside the number of orders under way.
enum class Axis : std::uint8_t { requests, tokens, images };
inline constexpr std::size_t axis_count = 3;

// One limit as the service tells it. What it does not tell is nullopt.
struct AxisLimit {
    Axis axis = Axis::requests;
    std::optional<std::uint64_t> limit;      // within `window`
    std::optional<std::uint64_t> remaining;  // of `limit`, after this request
    std::optional<Milliseconds> reset;       // until `remaining` is `limit` again
    std::optional<Milliseconds> window;      // 1 ms to 31 days
};

enum class PaceKind : std::uint8_t {
    answered,      // the service is well, whatever it said of this request
    rate_limited,  // it asked for fewer requests
    failed,        // it is not well: overloaded, unreachable, silent
    rest,          // the executor itself takes nothing more for this lane at present
    unknown,       // nothing is known of the service by this
};

struct Pace {
    PaceKind kind = PaceKind::answered;
    std::optional<Milliseconds> retry_after;  // 0 ms to 24 h
    bool daily = false;                       // rate_limited: it is the quota of the day that is used up
    std::uint64_t tokens = 0;                 // used by this request; 0: none, or not told
    std::uint64_t images = 0;
    std::vector<AxisLimit> limits;  // at most max_axis_limits

    // Whether it says more than that an answer came.
    bool is_plain() const noexcept {
        return kind == PaceKind::answered && tokens == 0 && images == 0 && limits.empty();
    }
};
inline constexpr std::size_t max_axis_limits = 6;

}  // namespace atelier::core
