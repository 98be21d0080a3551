#include "postgres/worker.hpp"

#include "postgres/compat.hpp"
#include "postgres/executor_process.hpp"
#include "postgres/guard.hpp"
#include "postgres/identity.hpp"
#include "postgres/providers.hpp"
#include "postgres/server_log.hpp"
#include "postgres/shared_memory.hpp"
#include "postgres/transaction.hpp"
#include "postgres/wake.hpp"
#include "postgres/worker_loop.hpp"

namespace atelier::postgres {

namespace {

// Carried in bgw_extra.
struct Assignment {
    Oid database;
    std::uint64_t ticket;
};

struct Start {
    DatabaseSlot* slot;
    std::uint64_t ticket;
    bool takeover;
    pid_t stray_nanny;  // of the incarnation that is replaced
};

constexpr std::int32_t lock_class = 0x6174656c;  // "atel"
constexpr std::int32_t lock_object = 1;
constexpr const char* main_function = "atelier_worker_main";
constexpr int lock_attempts = 50;
constexpr long lock_step_ms = 100;

// The last transaction of a hung worker may end after its successor took back the leases that it could see, and what it
// held locked nobody could claim: the successor looks again.
void tell_successor(DatabaseSlot& slot) noexcept {
    Latch* latch = nullptr;
    {
        SpinGuard guard(slot.lock);
        slot.notes.reclaim = slot.notes.sweep = true;
        latch = slot.worker_latch;
    }
    if (latch != nullptr) SetLatch(latch);
}

bool give_up_slot(DatabaseSlot& slot) noexcept {
    SpinGuard guard(slot.lock);
    if (slot.worker_pid != MyProcPid) return false;
    slot.worker_pid = 0;
    slot.worker_latch = nullptr;
    slot.phase = WorkerPhase::stopped;
    slot.report.executor_pid = slot.report.executor_group = 0;
    slot.report.in_flight = slot.report.lane_count = 0;
    return true;
}

// Runs after the process has left the list of backends, so that whoever waits for the slot finds the database free.
void detach(int, Datum argument) {
    DatabaseSlot& slot = shared_state()->slots[DatumGetInt32(argument)];
    if (!give_up_slot(slot)) return tell_successor(slot);
    wake_launcher();
}

// False when the slot is no longer for us.
bool attach(int position, const Assignment& assignment, Start& start) noexcept {
    DatabaseSlot& slot = shared_state()->slots[position];
    SpinGuard guard(slot.lock);
    if (slot.database != assignment.database || slot.ticket != assignment.ticket) return false;
    if (slot.holds > 0) {
        slot.phase = WorkerPhase::stopped;
        return false;
    }
    start = {&slot, assignment.ticket, slot.takeover, slot.report.executor_group};
    slot.phase = WorkerPhase::running;
    slot.worker_pid = MyProcPid;
    slot.worker_latch = MyLatch;
    slot.heartbeat++;
    std::memset(static_cast<void*>(&slot.report), 0, sizeof slot.report);
    return true;
}

struct LockTry {
    bool taken;
};

void try_lock(LockTry& attempt) {
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<std::uint32_t>(lock_class), lock_object, 2);
    attempt.taken = LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

struct Pause {
    long milliseconds;
};

void pause(Pause& pause_for) {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause_for.milliseconds,
                    compat::wait_event("AtelierWorkerLock"));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

// The session lock that makes this worker the only one of its database.
bool become_the_only_worker(WorkerSlot& slot, bool takeover) {
    for (int i = 0; i < lock_attempts && !ShutdownRequestPending; ++i) {
        LockTry attempt{false};
        call_postgres(try_lock, attempt);
        if (attempt.taken) return true;
        if (takeover) return true;  // the hung process keeps it; the epoch keeps that process out of the tables
        slot.beat();
        Pause step{lock_step_ms};
        call_postgres(pause, step);
    }
    return false;
}

std::int64_t draw_epoch() {
    std::int64_t epoch = 0;
    call_postgres<std::int64_t>([](std::int64_t& out) { out = random_positive(); }, epoch);
    return epoch;
}

// Whether the database still has our extension, perhaps created anew: then the launcher starts the next worker.
void leave_if_unwanted(WorkerSlot& slot) {
    const std::uint64_t wish = slot.wish();
    if (!OidIsValid(find_own_extension())) slot.unwish(wish);
}

void work(WorkerSlot& slot, const Start& start) {
    Worker worker(slot, draw_epoch());
    if (start.takeover) worker.announce_takeover();
    try {
        worker.run();
    } catch (const LeaveWorker& reason) {
        worker.end_executor(!reason.extension_is_gone());
        throw;
    } catch (...) {
        worker.end_executor(true);
        throw;
    }
}

bool serve_database(Start* start) {
    WorkerSlot slot(*start->slot, start->ticket);
    prepare_session();
    ignore_own_lane_changes();
    providers::watch();
    const std::uint64_t wish = slot.wish();
    if (!OidIsValid(find_own_extension())) {
        slot.unwish(wish);
        slot.leave_cleanly();
        return true;
    }
    if (start->takeover) dismiss_stray_executor(start->stray_nanny);
    if (!become_the_only_worker(slot, start->takeover)) {
        log_line(LogLevel::log, "pg_atelier worker leaves: another one serves this database");
        return true;
    }
    log_line(LogLevel::log, "pg_atelier worker started");
    try {
        work(slot, *start);
    } catch (const LeaveWorker& reason) {
        log_line(LogLevel::log, "pg_atelier worker leaves", reason.what());
        if (!slot.superseded()) leave_if_unwanted(slot);
    }
    slot.leave_cleanly();
    return true;
}

// A commit that waits for a standby looks at requests to cancel only.
void on_sigterm(SIGNAL_ARGS) {
    if (committing != 0) {
        QueryCancelPending = true;
        InterruptPending = true;
    }
    SignalHandlerForShutdownRequest(postgres_signal_arg);
}

}  // namespace

void describe_worker(BackgroundWorker& worker, int position, Oid database, std::uint64_t ticket) {
    std::memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "pg_atelier", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, main_function, sizeof worker.bgw_function_name);
    snprintf(worker.bgw_name, sizeof worker.bgw_name, "pg_atelier worker for database %u", database);
    strlcpy(worker.bgw_type, "pg_atelier worker", sizeof worker.bgw_type);
    worker.bgw_main_arg = Int32GetDatum(position);
    worker.bgw_notify_pid = MyProcPid;
    const Assignment assignment{database, ticket};
    static_assert(sizeof assignment <= sizeof worker.bgw_extra);
    std::memcpy(worker.bgw_extra, &assignment, sizeof assignment);
}

bool is_worker() noexcept {
    return MyBgworkerEntry != nullptr && std::strcmp(MyBgworkerEntry->bgw_function_name, main_function) == 0;
}

}  // namespace atelier::postgres

extern "C" {

PGDLLEXPORT void atelier_worker_main(Datum argument);

void atelier_worker_main(Datum argument) {
    using namespace atelier::postgres;
    const int position = DatumGetInt32(argument);
    Assignment assignment;
    std::memcpy(&assignment, MyBgworkerEntry->bgw_extra, sizeof assignment);
    Start start;
    if (!attach(position, assignment, start)) proc_exit(0);
    on_shmem_exit(detach, argument);

    pqsignal(SIGTERM, on_sigterm);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(assignment.database, InvalidOid, 0);
    (void)enter(serve_database, &start);
    proc_exit(0);
}

}  // extern "C"
