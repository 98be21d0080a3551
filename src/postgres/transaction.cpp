#include "postgres/transaction.hpp"

#include "postgres/compat.hpp"
#include "postgres/guard.hpp"
#include "postgres/server_log.hpp"

namespace atelier::postgres {

volatile std::sig_atomic_t committing = 0;

namespace {

// Emptied at the end of each transaction; everything that survives one is not palloc'd.
MemoryContext scratch = nullptr;
Oid own_extension = InvalidOid;
Oid connected_as = InvalidOid;
bool statistics_wait = false;
std::uint64_t reloads = 0;

struct Beginning {
    const char* activity;
    bool extension_gone;
};

void commit_locally() {
    (void)set_config_option("synchronous_commit", "local", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                            false);
}

void begin(Beginning& beginning) {
    SetCurrentStatementStartTimestamp();
    pgstat_report_activity(STATE_RUNNING, beginning.activity);
    StartTransactionCommand();
    // A lease must not be forgotten by a crash after its call has left.
    if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF) commit_locally();
    enable_timeout_after(STATEMENT_TIMEOUT, Transaction::time_limit_ms);
    // DROP EXTENSION locks the same object first: it waits for this transaction, or this one for it.
    LockDatabaseObject(ExtensionRelationId, own_extension, 0, AccessShareLock);
    PushActiveSnapshot(GetTransactionSnapshot());
    beginning.extension_gone = get_extension_oid("pg_atelier", true) != own_extension;
    if (beginning.extension_gone) return;
    // The engine works for all tenants: the policies on the owner's own tables are for what sessions ask of it.
    SetUserIdAndSecContext(get_role_oid("atelier_owner", false), SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
    SPI_connect();
}

void end() {
    SPI_finish();
    PopActiveSnapshot();
    disable_timeout(STATEMENT_TIMEOUT, false);
    committing = 1;
    // From here on the handler of SIGTERM ends a wait for a standby; it does not come again for one that begins later.
    if (ShutdownRequestPending && synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH) commit_locally();
    // Still as atelier_owner: deferred triggers run in here.
    CommitTransactionCommand();
    committing = 0;
    // What the handler asked for and no wait took must not hit the next transaction.
    if (ShutdownRequestPending) QueryCancelPending = false;
}

void report_commit() {
    SetUserIdAndSecContext(connected_as, 0);
    // A lock or a standby waited for inside may have taken a wake that was meant for the loop.
    SetLatch(MyLatch);
    statistics_wait = pgstat_report_stat(false) > 0;
    pgstat_report_activity(STATE_IDLE, nullptr);
}

void abort() {
    HOLD_INTERRUPTS();
    committing = 0;
    disable_all_timeouts(false);
    QueryCancelPending = false;
    AbortCurrentTransaction();
    SetUserIdAndSecContext(connected_as, 0);
    SetLatch(MyLatch);
    RESUME_INTERRUPTS();
    (void)pgstat_report_stat(false);
    pgstat_report_activity(STATE_IDLE, nullptr);
}

void leave_memory() noexcept {
    MemoryContextSwitchTo(scratch);
    MemoryContextReset(scratch);
}

void abort_or_die() noexcept {
    try {
        call_postgres(abort);
        leave_memory();
    } catch (...) {
        proc_exit(1);  // an abort that fails leaves nothing to go on with
    }
}

void look_for_extension(Oid& found) {
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    found = get_extension_oid("pg_atelier", true);
    PopActiveSnapshot();
    CommitTransactionCommand();
}

struct Fixed {
    const char* name;
    const char* value;
};

template <std::size_t count>
void fix(const Fixed (&settings)[count]) {
    for (const Fixed& setting : settings)
        SetConfigOption(setting.name, setting.value, PGC_SUSET, PGC_S_OVERRIDE);
}

void fix_settings(SessionFor& whom) {
    const Fixed of_all[] = {
        {"search_path", "pg_catalog"},
        {"session_replication_role", "origin"},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"default_transaction_deferrable", "off"},
        {"statement_timeout", "0"},
        {"idle_in_transaction_session_timeout", "0"},
        {"idle_session_timeout", "0"},
    };
    const Fixed of_engine[] = {
        {"lock_timeout", "1s"},
        {"jit", "off"},
        {"max_parallel_workers_per_gather", "0"},
        // Plans are made while the tables of jobs are small, and kept when they are large.
        {"enable_seqscan", "off"},
    };
    fix(of_all);
    if (whom == SessionFor::engine) fix(of_engine);
    if (compat::has_transaction_timeout) SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
    connected_as = GetUserId();
    scratch = AllocSetContextCreate(TopMemoryContext, "pg_atelier worker", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(scratch);
}

void process_interrupts() {
    CHECK_FOR_INTERRUPTS();
    if (catchupInterruptPending) ProcessCatchupInterrupt();
    if (!ConfigReloadPending) return;
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    ++reloads;
}

void flush_now() {
    (void)pgstat_report_stat(true);
}

}  // namespace

Transaction::Transaction(WorkerSlot& slot, const char* activity) {
    if (slot.superseded()) throw LeaveWorker(LeaveWorker::Why::superseded);
    slot.beat();
    Beginning beginning{activity, false};
    try {
        call_postgres(begin, beginning);
    } catch (const PgError&) {
        abort_or_die();
        throw;
    }
    if (!beginning.extension_gone) return;
    abort_or_die();
    throw LeaveWorker(LeaveWorker::Why::extension_gone);
}

Transaction::~Transaction() {
    if (open_) abort_or_die();
}

void Transaction::commit() {
    // SPI's context, the present one, ends in there; an error must not bring us back to it.
    MemoryContextSwitchTo(scratch);
    call_postgres(end);
    open_ = false;
    try {
        call_postgres(report_commit);
    } catch (const PgError&) {
        abort_or_die();  // what was committed stays so
    }
    leave_memory();
}

void abort_transaction() noexcept {
    abort_or_die();
}

void prepare_session(SessionFor whom) {
    call_postgres(fix_settings, whom);
}

Oid find_own_extension() {
    call_postgres(look_for_extension, own_extension);
    leave_memory();
    return own_extension;
}

void serve_interrupts() {
    try {
        call_postgres(process_interrupts);
        leave_memory();
    } catch (const PgError& error) {
        abort_or_die();
        log_line(LogLevel::log, "pg_atelier goes on after an interruption", error.what());
    }
}

std::uint64_t settings_generation() noexcept {
    return reloads;
}

bool statistics_waiting() noexcept {
    return statistics_wait;
}

void flush_statistics() {
    if (!std::exchange(statistics_wait, false)) return;
    try {
        call_postgres(flush_now);
    } catch (const PgError&) {
        abort_or_die();
    }
}

}  // namespace atelier::postgres
