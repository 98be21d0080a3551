#include "postgres/launcher.hpp"

#include "postgres/compat.hpp"
#include "postgres/prelude.hpp"
#include "postgres/shared_memory.hpp"
#include "postgres/worker.hpp"

// All locals in this file are plain data: an error leaves the process with status 1, and the postmaster starts it anew.

namespace atelier::postgres {

namespace {

constexpr int restart_seconds = 5;
constexpr long idle_wait_ms = 5000;
constexpr long busy_wait_ms = 500;
constexpr int probes_at_a_time = 2;
constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t hung_after = 35 * second;     // a statement of a worker may take 30
constexpr std::int64_t attach_within = 20 * second;  // from registration to the worker's first line
constexpr std::int64_t settled_after = 10 * second;  // a worker that lived this long did not fail at its start
constexpr std::int64_t longest_backoff = 30 * second;
constexpr std::int64_t look_again_after = 60 * second;
constexpr std::int64_t complain_every = 60 * second;

// What the launcher knows of a slot and nobody else needs.
struct Supervision {
    Oid database;
    BackgroundWorkerHandle* handle;
    std::int64_t started_at;
    std::int64_t retry_at;
    std::int64_t backoff;
    std::uint64_t heartbeat;
    std::int64_t heartbeat_seen_at;
    pid_t replaced;  // the hung worker that the present one replaced
    bool alive;      // as last seen
};

Supervision supervised[max_databases];

// Databases that were not tried yet since this launcher started.
Oid* untried = nullptr;
int untried_count = 0;

std::int64_t monotonic() noexcept {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * second + now.tv_nsec / 1000;
}

bool may_have_worker(const FormData_pg_database& row) noexcept {
    return row.datallowconn && !row.datistemplate && row.datconnlimit != -2;  // -2: a DROP that was cut short
}

// Oids of the databases that may have a worker, in TopMemoryContext; the caller frees them.
int list_databases(Oid** oids) {
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    int count = 0;
    int room = 64;
    Oid* found = static_cast<Oid*>(MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * room));
    for (HeapTuple row; (row = heap_getnext(scan, ForwardScanDirection)) != nullptr;) {
        Form_pg_database database = reinterpret_cast<Form_pg_database>(GETSTRUCT(row));
        if (!may_have_worker(*database)) continue;
        if (count == room) {
            room *= 2;
            found = static_cast<Oid*>(repalloc(found, sizeof(Oid) * room));
        }
        found[count++] = database->oid;
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    CommitTransactionCommand();
    *oids = found;
    return count;
}

bool may_start(Oid database, bool* exists) {
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    HeapTuple row = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
    *exists = HeapTupleIsValid(row);
    bool allowed = false;
    if (*exists) {
        allowed = may_have_worker(*reinterpret_cast<Form_pg_database>(GETSTRUCT(row)));
        ReleaseSysCache(row);
    }
    CommitTransactionCommand();
    return allowed;
}

// A slot as it stands now.
struct Glance {
    Oid database;
    bool wanted;
    bool held;
    bool pending;  // something waits for the worker
    bool left_cleanly;
    WorkerPhase phase;
    pid_t pid;
    Latch* latch;
    std::uint64_t heartbeat;
    std::uint64_t ticket;
};

Glance glance_at(DatabaseSlot& slot) noexcept {
    SpinGuard guard(slot.lock);
    const bool pending = !slot.notes.empty() || slot.report.in_flight > 0 || slot.recheck ||
                         slot.phase == WorkerPhase::stopping || slot.report.started_at == 0;
    return {slot.database, slot.wanted,     slot.holds > 0,    pending,        slot.left_cleanly,
            slot.phase,    slot.worker_pid, slot.worker_latch, slot.heartbeat, slot.ticket};
}

void forget_handle(Supervision& own) {
    if (own.handle != nullptr) pfree(own.handle);
    own.handle = nullptr;
}

// False, and the slot as before, when somebody holds it now.
bool claim_start(DatabaseSlot& slot, bool takeover, std::uint64_t* ticket) noexcept {
    SharedState& state = *shared_state();
    SpinGuard table(state.lock);
    SpinGuard guard(slot.lock);
    if (slot.holds > 0 || slot.database == InvalidOid) return false;
    slot.ticket = *ticket = ++state.next_ticket;
    slot.phase = WorkerPhase::starting;
    slot.takeover = takeover;
    slot.worker_pid = 0;
    slot.worker_latch = nullptr;
    slot.left_cleanly = false;
    slot.heartbeat++;
    return true;
}

void give_up_start(DatabaseSlot& slot, std::uint64_t ticket) noexcept {
    SpinGuard guard(slot.lock);
    if (slot.ticket == ticket && slot.phase == WorkerPhase::starting) slot.phase = WorkerPhase::stopped;
}

void complain_no_process(std::int64_t now) {
    static std::int64_t last = 0;
    if (last != 0 && now - last < complain_every) return;
    last = now;
    ereport(LOG,
            (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("pg_atelier could not start a worker: no process is free"),
             errhint("Increase max_worker_processes; trying again each second.")));
}

// False, and nothing done, when somebody holds the slot now.
bool start_worker(int position, bool takeover, std::int64_t now) {
    DatabaseSlot& slot = shared_state()->slots[position];
    Supervision& own = supervised[position];
    std::uint64_t ticket = 0;
    if (!claim_start(slot, takeover, &ticket)) return false;
    forget_handle(own);
    BackgroundWorker worker;
    describe_worker(worker, position, own.database, ticket);
    MemoryContext const previous = MemoryContextSwitchTo(TopMemoryContext);
    const bool registered = RegisterDynamicBackgroundWorker(&worker, &own.handle);
    MemoryContextSwitchTo(previous);
    if (!registered) {
        own.handle = nullptr;
        give_up_start(slot, ticket);
        own.retry_at = now + second;
        complain_no_process(now);
        return true;
    }
    own.started_at = own.heartbeat_seen_at = now;
    own.alive = true;
    return true;
}

// After an end: at once when the worker had worked, else ever later.
void schedule_restart(Supervision& own, bool left_cleanly, std::int64_t now) {
    own.alive = false;
    forget_handle(own);
    if (left_cleanly || now - own.started_at > settled_after) {
        own.backoff = 0;
    } else {
        own.backoff = std::min(std::max(own.backoff * 2, second), longest_backoff);
    }
    own.retry_at = now + own.backoff;
}

// A registered worker that failed before it could say so in its slot.
bool failed_to_attach(const Supervision& own, std::int64_t now) {
    if (own.handle == nullptr) return now - own.started_at > attach_within;
    pid_t pid = 0;
    return GetBackgroundWorkerPid(own.handle, &pid) == BGWH_STOPPED;
}

// Whether the worker that was replaced is there still.
bool still_hangs(Supervision& own) noexcept {
    if (own.replaced != 0 && kill(own.replaced, 0) != 0) own.replaced = 0;
    return own.replaced != 0;
}

void replace_hung(int position, const Glance& seen, std::int64_t now) {
    if (!start_worker(position, true, now)) return;
    supervised[position].replaced = seen.pid;
    ereport(WARNING, (errmsg("pg_atelier worker with PID %d has not moved for %d seconds although work is pending",
                             static_cast<int>(seen.pid), static_cast<int>(hung_after / second)),
                      errdetail("A new incarnation replaces it.")));
    // It leaves as soon as it moves again. No SIGTERM: that would end a wait for a standby, in which its successor
    // would hang as well.
    if (seen.latch != nullptr) SetLatch(seen.latch);
}

void watch_running(int position, const Glance& seen, std::int64_t now) {
    Supervision& own = supervised[position];
    own.alive = true;
    if (!seen.pending || seen.heartbeat != own.heartbeat) {
        own.heartbeat = seen.heartbeat;
        own.heartbeat_seen_at = now;
    } else if (now - own.heartbeat_seen_at >= hung_after && !still_hangs(own)) {
        // One hung process at a time: what keeps both from moving would keep a third as well, and each takes a process
        // slot.
        replace_hung(position, seen, now);
    }
}

void watch_stopped(int position, const Glance& seen, std::int64_t now) {
    DatabaseSlot& slot = shared_state()->slots[position];
    Supervision& own = supervised[position];
    if (own.alive) schedule_restart(own, seen.left_cleanly, now);
    if (seen.held) return;
    if (!seen.wanted) {
        free_slot_if_unused(slot);
        return;
    }
    if (now < own.retry_at) return;
    bool exists = false;
    if (may_start(seen.database, &exists)) {
        // A worker that hangs keeps the lock of the only one from every successor, not just from the first.
        start_worker(position, still_hangs(own), now);
    } else if (exists) {
        own.retry_at = now + look_again_after;
    } else {
        SpinGuard guard(slot.lock);
        slot.wanted = false;
    }
}

void watch_slot(int position, std::int64_t now) {
    DatabaseSlot& slot = shared_state()->slots[position];
    Supervision& own = supervised[position];
    const Glance seen = glance_at(slot);
    if (seen.database != own.database) {
        forget_handle(own);
        own = {};
        own.database = seen.database;
        own.started_at = own.heartbeat_seen_at = now;
    }
    if (seen.database == InvalidOid) return;
    switch (seen.phase) {
        case WorkerPhase::stopped:
            watch_stopped(position, seen, now);
            break;
        case WorkerPhase::starting:
            if (failed_to_attach(own, now)) give_up_start(slot, seen.ticket);
            break;
        case WorkerPhase::running:
        case WorkerPhase::stopping:
            watch_running(position, seen, now);
            break;
    }
}

// A slot for each database not tried yet, a few at a time: most have no extension and give theirs back at once.
void try_databases(std::int64_t now) {
    int starting = 0;
    for (int i = 0; i < max_databases; ++i) {
        const Glance seen = glance_at(shared_state()->slots[i]);
        const bool about_to_start = seen.phase == WorkerPhase::stopped && seen.wanted && supervised[i].retry_at <= now;
        if (seen.database != InvalidOid && (about_to_start || seen.phase == WorkerPhase::starting)) ++starting;
    }
    while (untried_count > 0 && starting < probes_at_a_time) {
        if (!want_worker(untried[untried_count - 1])) return;
        --untried_count;
        ++starting;
    }
}

// Short while something is about to happen that no latch announces.
long wait_ms(std::int64_t now) {
    long wait = untried_count > 0 ? busy_wait_ms : idle_wait_ms;
    for (int i = 0; i < max_databases; ++i) {
        const Glance seen = glance_at(shared_state()->slots[i]);
        if (seen.database == InvalidOid || seen.held) continue;
        if (seen.phase == WorkerPhase::starting) wait = std::min(wait, busy_wait_ms);
        if (seen.phase != WorkerPhase::stopped) continue;
        const long until_retry = static_cast<long>((supervised[i].retry_at - now) / 1000) + 1;
        wait = std::min(wait, std::max(until_retry, 1L));
    }
    return wait;
}

void set_launcher_latch(Latch* latch, pid_t pid) noexcept {
    SharedState& state = *shared_state();
    SpinGuard guard(state.lock);
    state.launcher_latch = latch;
    state.launcher_pid = pid;
}

void on_exit(int, Datum) {
    set_launcher_latch(nullptr, 0);
}

void run() {
    const std::uint32_t event = compat::wait_event("AtelierLauncherMain");
    while (!ShutdownRequestPending) {
        const std::int64_t now = monotonic();
        try_databases(now);
        for (int i = 0; i < max_databases; ++i)
            watch_slot(i, now);
        pgstat_report_activity(STATE_IDLE, nullptr);
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms(monotonic()), event);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
    }
}

}  // namespace

void register_launcher() {
    BackgroundWorker worker;
    std::memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = restart_seconds;
    strlcpy(worker.bgw_library_name, "pg_atelier", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "atelier_launcher_main", sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_name, "pg_atelier launcher", sizeof worker.bgw_name);
    strlcpy(worker.bgw_type, "pg_atelier launcher", sizeof worker.bgw_type);
    RegisterBackgroundWorker(&worker);
}

}  // namespace atelier::postgres

extern "C" {

PGDLLEXPORT void atelier_launcher_main(Datum argument);

void atelier_launcher_main(Datum) {
    using namespace atelier::postgres;
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    on_shmem_exit(on_exit, Datum{0});
    set_launcher_latch(MyLatch, MyProcPid);
    untried_count = list_databases(&untried);
    run();
    proc_exit(1);  // 0 would mean: do not start me again
}

}  // extern "C"
