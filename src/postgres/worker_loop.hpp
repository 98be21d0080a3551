#pragma once
// The worker's loop: one wait point, then whatever is due, until told to stop.

#include "postgres/pump.hpp"
#include "postgres/worker_slot.hpp"

namespace atelier::postgres {

class Worker {
  public:
    Worker(WorkerSlot& slot, std::int64_t epoch);

    // For an incarnation that replaces a hung one.
    void announce_takeover();

    // Runs until SIGTERM, then stops cleanly. Throws LeaveWorker.
    void run();

    // Ends the executor, or, when the answers of its paid calls are of use to the next worker, lets go of it; and sends
    // the handler processes home. Never fails.
    void end_executor(bool answers_wanted) noexcept;

  private:
    void round();
    void wait(core::Instant until);
    void follow_settings();

    // worker_shutdown.cpp
    void shut_down();
    void await_answers();

    WorkerSlot& slot_;
    ExecutorLink link_;
    Pump pump_;
    std::uint64_t settings_seen_ = 0;
};

}  // namespace atelier::postgres
