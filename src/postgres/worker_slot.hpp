#pragma once
// The worker's own view of its slot in shared memory. Everything here is short and cannot fail.

#include "postgres/notes.hpp"
#include "postgres/prelude.hpp"
#include "postgres/shared_memory.hpp"

namespace atelier::postgres {

class WorkerSlot {
  public:
    WorkerSlot(DatabaseSlot& slot, std::uint64_t ticket) noexcept : slot_(slot), ticket_(ticket) {}

    Oid database() const noexcept { return slot_.database; }
    DatabaseSlot& shared() noexcept { return slot_; }
    std::uint64_t ticket() const noexcept { return ticket_; }

    // Another incarnation took the slot over: leave everything alone and go.
    bool superseded() const noexcept;
    bool held() const noexcept;
    // Held, and about to be dropped.
    bool dropping() const noexcept;
    void beat() noexcept;

    // What was noted since the last call. The latch must have been reset before.
    Notes take_notes() noexcept;
    bool take_recheck() noexcept;

    std::uint64_t wish() const noexcept;
    // No worker is wanted any more, unless somebody asked for one after `wish` was read.
    void unwish(std::uint64_t wish) noexcept;

    void stopping() noexcept;
    void publish(const WorkerReport& report) noexcept;
    // Wakes who waits in wait_for_settling().
    void settled() noexcept { tell_settling(slot_); }
    // How the process ends, for the launcher.
    void leave_cleanly() noexcept;

  private:
    DatabaseSlot& slot_;
    std::uint64_t ticket_;
};

}  // namespace atelier::postgres
