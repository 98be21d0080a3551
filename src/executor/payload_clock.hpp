#pragma once
// The clocks of one HTTP call. Pure: time is an argument. Providers under load send filler long before their answer
// (DeepSeek: blank lines, or SSE comment lines ": keep-alive"): a clock that any byte resets would wait for ever.

#include <string_view>

#include "core/clock.hpp"

namespace atelier::executor {

// Tells payload from filler, over a body that comes in pieces. Filler: white space, and lines that begin with a colon
// (SSE comments; a line ends with LF, CR or both).
class PayloadFilter {
  public:
    // Whether these bytes, the next of the body, hold payload.
    bool holds_payload(std::string_view bytes) noexcept;

  private:
    void enter_last_line(std::string_view bytes) noexcept;

    bool at_line_start_ = true;
    bool in_comment_ = false;
};

struct ClockLimits {
    core::Milliseconds connect;
    core::Milliseconds progress;
    core::Milliseconds total;
};

enum class ClockKind { connect, progress, total };

// Runs from its construction. Until connected(): connect; from then on: progress. The total clock runs always.
class PayloadClock {
  public:
    PayloadClock(const ClockLimits& limits, core::Instant start) noexcept;

    void connected(core::Instant now) noexcept;
    // A piece of the request left, or payload came.
    void progressed(core::Instant now) noexcept;
    // While nothing is read on purpose, the other side cannot progress: only the total clock runs.
    void pause() noexcept { paused_ = true; }
    void resume(core::Instant now) noexcept;

    core::Instant deadline() const noexcept;
    // Not after any deadline that may still come to be without resume(): when to look at deadline() again.
    core::Instant next_look(core::Instant now) const noexcept;
    // The one that runs out at deadline().
    ClockKind next() const noexcept;

  private:
    core::Instant phase_deadline() const noexcept;

    ClockLimits limits_;
    core::Instant total_deadline_;
    core::Instant phase_start_;
    bool connected_ = false;
    bool paused_ = false;
};

}  // namespace atelier::executor
