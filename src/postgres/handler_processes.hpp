#pragma once
// The worker's hand on the handler processes of its database: starts them, gives them calls, takes what became of
// those. It never waits and never sends a signal: what it asks stands in shared memory.

#include "core/clock.hpp"
#include "postgres/handler_pool.hpp"
#include "postgres/handler_slot.hpp"
#include "postgres/prelude.hpp"
#include "postgres/worker_slot.hpp"

namespace atelier::postgres {

class HandlerProcesses {
  public:
    // Calls that an earlier incarnation gave are void: those that run are asked to stop.
    explicit HandlerProcesses(WorkerSlot& slot) noexcept;
    ~HandlerProcesses();
    HandlerProcesses(const HandlerProcesses&) = delete;
    HandlerProcesses& operator=(const HandlerProcesses&) = delete;

    struct Ended {
        int process;
        CallEnd end;
        std::int32_t duration_ms;
        std::string message;
    };
    // Calls that ended since the last look. Their processes are free.
    std::vector<Ended> take_ended();

    // Processes that are there or on their way.
    struct Census {
        int all = 0;
        int coming = 0;
        std::vector<IdleProcess> idle;
    };
    Census count();

    // Registers one more. False: none is to be had now, and `complain` says whether that is news.
    bool start(core::Instant now, bool* complain);
    // When start() is of use again; `now` when it is.
    core::Instant start_at(core::Instant now) const noexcept { return std::max(now, not_before_); }
    // Notices processes that ended before they began to work.
    void bury(core::Instant now);

    // From then on the process serves that lane. False: it is not free any more.
    bool give(int process, std::int32_t lane, const HandlerCallOrder& order) noexcept;
    // Takes back a call that has not begun. False: it has.
    bool take_back(int process) noexcept;
    void stop(int process, CallStop why) noexcept;
    // It leaves, unless it has a call; all of them do, as soon as they have nothing to do.
    void dismiss(int process) noexcept;
    void dismiss_all() noexcept;

  private:
    struct Started {
        BackgroundWorkerHandle* handle = nullptr;
        std::uint64_t ticket = 0;
        core::Instant at{};
    };
    struct Registration;

    bool mine() const noexcept;  // under the slot's lock
    int claim(std::uint64_t* ticket) noexcept;
    void forget(int process) noexcept;
    static void enroll(Registration& registration);

    DatabaseSlot& slot_;
    std::uint64_t worker_ticket_;
    Started started_[max_handlers];
    core::Instant not_before_{};
    core::Instant complained_at_{};
    int failures_ = 0;
};

}  // namespace atelier::postgres
