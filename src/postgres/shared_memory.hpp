#pragma once
// What backends, launcher and workers share: one slot for each database with a worker. It exists only when the library
// is preloaded, and is new and empty after each crash-restart, so nothing here is the truth about anything: epochs and
// jobs live in tables. No pointer in it is private to a process (latches belong to PGPROCs, which are shared).

#include "postgres/handler_slot.hpp"
#include "postgres/notes.hpp"
#include "postgres/prelude.hpp"

namespace atelier::postgres {

inline constexpr int max_databases = 64;
inline constexpr int max_published_lanes = 128;
inline constexpr int last_error_bytes = 256;
inline constexpr int slot_lookups = 8;

enum class WorkerPhase : std::int32_t {
    stopped,   // no process
    starting,  // registered by the launcher, not yet running
    running,
    stopping,
};

// Counts since the worker started.
struct LaneCounters {
    std::int32_t lane;
    std::int32_t in_flight;
    std::int32_t allowed;
    std::int32_t tenants;  // with work that waits
    std::int64_t started;
    std::int64_t answered;
    std::int64_t refused;
    std::int64_t failed;
    double weights;  // of these tenants together
    double starts_per_second;
    char gate[12];
};

// What a worker tells the world of itself; written by it alone, each turn.
struct WorkerReport {
    pid_t executor_pid;    // the engine, 0 when there is none
    pid_t executor_group;  // its nanny, leader of the process group
    std::int64_t epoch;
    TimestampTz started_at;
    TimestampTz last_turn_at;  // 0: none yet
    std::int64_t turns;
    std::int64_t leased;
    std::int64_t settled;
    std::int64_t swept;
    std::int32_t in_flight;
    std::int32_t lane_count;
    bool paused;
    bool build_known;
    bool build_matches;
    char last_error[last_error_bytes];
    LaneCounters lanes[max_published_lanes];
};

struct DatabaseSlot {
    slock_t lock;
    Oid database;  // InvalidOid: the slot is free; changed under the lock of the table too

    bool wanted;         // the launcher keeps a worker alive
    std::uint64_t wish;  // grows with every start_worker(), so that an old "extension is gone" cannot win
    std::int32_t holds;  // database commands that need the database without a worker
    bool dropping;       // one of them drops it
    bool recheck;        // the worker shall look whether its extension is still there
    WorkerPhase phase;
    std::uint64_t ticket;  // identity of the incarnation that owns the slot; a worker with another one leaves
    bool takeover;         // the incarnation replaces a hung one
    bool left_cleanly;     // how the last worker ended
    pid_t worker_pid;      // 0: none
    Latch* worker_latch;
    std::uint64_t heartbeat;  // grows with each round of the worker's loop and each transaction
    Notes notes;
    std::uint64_t settlings;    // grows with each commit in which jobs may have gone on or ended
    ConditionVariable settled;  // told of it
    WorkerReport report;
    std::uint64_t next_handler;  // ticket
    HandlerSlot handlers[max_handlers];
};

struct SharedState {
    slock_t lock;  // taken before a slot's lock, never after
    Latch* launcher_latch;
    pid_t launcher_pid;
    std::uint64_t next_ticket;
    DatabaseSlot slots[max_databases];
};

// Installs the hooks that reserve and initialise the memory. From _PG_init, while preloading only.
void request_shared_memory();

// nullptr when the library was not preloaded.
SharedState* shared_state() noexcept;

// Holds a spinlock for a scope in which nothing of PostgreSQL is called.
class SpinGuard {
  public:
    explicit SpinGuard(slock_t& lock) noexcept : lock_(lock) { SpinLockAcquire(&lock_); }
    ~SpinGuard() { SpinLockRelease(&lock_); }
    SpinGuard(const SpinGuard&) = delete;
    SpinGuard& operator=(const SpinGuard&) = delete;

  private:
    slock_t& lock_;
};

// The slot of a database, nullptr when there is none (or no shared memory). The launcher may give it to another one at
// any time: look at slot->database again under its lock, and look it up anew, at most slot_lookups times, when it is
// gone.
DatabaseSlot* find_slot(Oid database) noexcept;

// The same, taking a free slot when there is none; nullptr when all are taken.
DatabaseSlot* reserve_slot(Oid database) noexcept;

// Gives a slot back when nobody needs it: not wanted, not held, no worker, no handler process. The launcher calls it.
bool free_slot_if_unused(DatabaseSlot& slot) noexcept;

// Marks the database as one that shall have a worker, and wakes the launcher. False when no slot is free.
bool want_worker(Oid database) noexcept;

// Gives notes to the worker of a database and wakes it; a database without a slot gets a worker. Never fails loudly:
// it runs after commit.
void hand_over(Oid database, const Notes& notes) noexcept;

// For the worker, after a commit that counts as a settling.
void tell_settling(DatabaseSlot& slot) noexcept;

// Waits for the next settling in this database, or one that came since this process waited last.
void wait_for_settling(long milliseconds);

void wake_launcher() noexcept;

}  // namespace atelier::postgres
