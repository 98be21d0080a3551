#pragma once
// Whether a bucket takes objects just now. While it does not, who has one waits in a queue, and one at a time tries.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "executor/event_loop.hpp"

namespace atelier::executor {

class StoreGate {
  public:
    using WaiterId = std::uint64_t;

    explicit StoreGate(EventLoop& loop) : loop_(loop) {}
    ~StoreGate();
    StoreGate(const StoreGate&) = delete;
    StoreGate& operator=(const StoreGate&) = delete;

    // Why nothing is put there; nullptr: the gate is open.
    const std::string* failure() const noexcept { return failure_ ? &*failure_ : nullptr; }
    // Whether somebody new may make something to be put there. Also while it is closed, if it is time to try and nobody
    // waits who could.
    bool admits(core::Instant now);

    // A put failed, of somebody who first tried at that time. It closes the gate, unless another put has worked since:
    // then the trouble is that object's own.
    void failed(const core::Error& error, core::Instant first_tried, core::Instant now);
    void worked(core::Instant now);
    // Something was changed that may have been the reason, or whoever had the turn has learned nothing: the next one
    // tries at once.
    void knock();
    // It was closed for want of a store, and there is one now.
    void open();

    // Calls `go` once, from the loop: when it is this one's turn to try, or the gate is open.
    WaiterId wait(std::function<void()> go);
    void leave(WaiterId id);

  private:
    void schedule();
    void give_turn();

    EventLoop& loop_;
    std::optional<std::string> failure_;
    core::Milliseconds pause_{0};
    core::Instant next_try_{};
    bool trying_ = false;        // somebody has the turn,
    core::Instant turn_ends_{};  // which is another's when nothing was heard by then
    core::Instant last_worked_{};
    std::deque<std::pair<WaiterId, std::function<void()>>> waiting_;
    WaiterId last_id_ = 0;
    EventLoop::TimerId timer_{};
};

}  // namespace atelier::executor
