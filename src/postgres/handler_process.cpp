#include "postgres/handler_process.hpp"

#include "postgres/compat.hpp"
#include "postgres/guard.hpp"
#include "postgres/handler_job.hpp"
#include "postgres/handler_timer.hpp"
#include "postgres/server_log.hpp"
#include "postgres/shared_memory.hpp"
#include "postgres/transaction.hpp"

namespace atelier::postgres {

namespace {

// Carried in bgw_extra.
struct Assignment {
    Oid database;
    std::int32_t position;
    std::int32_t place;
    std::uint64_t ticket;
};

constexpr std::int64_t leave_after_us = 60'000'000;
constexpr long wait_ms = 15'000;
// What functions leave in the memory of their process ends with it.
constexpr std::int32_t most_calls = 1000;

Assignment mine;

DatabaseSlot& database_slot() noexcept {
    return shared_state()->slots[mine.position];
}

HandlerSlot& handler_slot() noexcept {
    return database_slot().handlers[mine.place];
}

// Under the lock.
bool is_mine() noexcept {
    return database_slot().database == mine.database && handler_slot().ticket == mine.ticket;
}

void tell_worker() noexcept {
    Latch* latch = nullptr;
    {
        SpinGuard guard(database_slot().lock);
        latch = database_slot().worker_latch;
    }
    if (latch != nullptr) SetLatch(latch);
}

// False when the place is no longer for us.
bool attach() noexcept {
    const TimestampTz since = GetCurrentTimestamp();
    SpinGuard guard(database_slot().lock);
    if (!is_mine() || handler_slot().phase != HandlerPhase::starting) return false;
    HandlerSlot& slot = handler_slot();
    if (database_slot().holds > 0 || slot.leave) {
        slot.phase = HandlerPhase::none;
        return false;
    }
    slot.pid = MyProcPid;
    slot.since = since;
    return true;
}

// From here on the worker may give calls.
void be_ready() noexcept {
    const TimestampTz since = GetCurrentTimestamp();
    {
        SpinGuard guard(database_slot().lock);
        if (!is_mine()) return;
        handler_slot().phase = HandlerPhase::ready;
        handler_slot().latch = MyLatch;
        handler_slot().since = since;
    }
    tell_worker();
}

void end_call(HandlerSlot& slot, CallEnd end, const char* message, TimestampTz now) noexcept {
    slot.call = CallPhase::ended;
    slot.end = end;
    slot.duration_ms = static_cast<std::int32_t>((now - slot.since) / 1000);
    strlcpy(slot.message, message, sizeof slot.message);
}

// Runs after the process has left the list of backends, so that whoever waits for it finds the database free.
void detach(int, Datum) {
    const TimestampTz now = GetCurrentTimestamp();
    {
        SpinGuard guard(database_slot().lock);
        if (!is_mine()) return;
        HandlerSlot& slot = handler_slot();
        slot.phase = slot.phase == HandlerPhase::ready ? HandlerPhase::none : HandlerPhase::failed;
        slot.pid = 0;
        slot.latch = nullptr;
        if (slot.call == CallPhase::given) end_call(slot, CallEnd::given_back, "its process left", now);
        if (slot.call == CallPhase::running) {
            const CallEnd verdict = handler_timer::verdict();
            if (verdict == CallEnd::none) {
                end_call(slot, CallEnd::lost, "the process that ran the function ended", now);
            } else {
                end_call(slot, verdict, "the function did not end when it was cancelled, and its process was ended",
                         now);
            }
        }
    }
    tell_worker();
}

// False: there is none.
bool take_call(HandlerCallOrder* order) noexcept {
    const TimestampTz now = GetCurrentTimestamp();
    SpinGuard guard(database_slot().lock);
    HandlerSlot& slot = handler_slot();
    if (!is_mine() || slot.call != CallPhase::given) return false;
    slot.call = CallPhase::running;
    slot.since = now;
    ++slot.calls;
    *order = slot.order;
    return true;
}

// Of a call that was to stop before it began.
CallReport unbegun() {
    SpinGuard guard(database_slot().lock);
    switch (handler_slot().stop) {
        case CallStop::cancelled:
            return {CallEnd::cancelled, {}};
        case CallStop::stopped:
            return {CallEnd::given_back, {}};
        case CallStop::none:
            break;
    }
    return {};
}

void report(const CallReport& done) noexcept {
    const TimestampTz now = GetCurrentTimestamp();
    SpinGuard guard(database_slot().lock);
    if (is_mine() && handler_slot().call == CallPhase::running)
        end_call(handler_slot(), done.end, done.message.c_str(), now);
}

// False, and no call comes any more, when this process is to leave.
bool may_stay() noexcept {
    const TimestampTz now = GetCurrentTimestamp();
    SpinGuard guard(database_slot().lock);
    if (!is_mine()) return false;
    HandlerSlot& slot = handler_slot();
    if (slot.call == CallPhase::given) return true;
    const bool is_over = now - slot.since >= leave_after_us || slot.calls >= most_calls;
    slot.leave = slot.leave || is_over || database_slot().holds > 0;
    return !slot.leave;
}

void wait() {
    static const std::uint32_t event = compat::wait_event("AtelierHandlerMain");
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms, event);
    ResetLatch(MyLatch);
}

void serve(Oid extension) {
    while (!ShutdownRequestPending) {
        serve_interrupts();
        HandlerCallOrder order;
        if (take_call(&order)) {
            const CallReport early = unbegun();
            const CallReport done = early.end == CallEnd::none ? run_call(extension, order) : early;
            report(done);
            tell_worker();
            if (done.extension_gone) return;
            continue;
        }
        if (!may_stay()) return;
        call_postgres(wait);
    }
}

bool serve_users(Assignment*) {
    prepare_session(SessionFor::users);
    const Oid extension = find_own_extension();
    if (!OidIsValid(extension)) return false;
    handler_timer::prepare(handler_slot());
    be_ready();
    serve(extension);
    return true;
}

// The postmaster stops the server: what runs may still end. Anybody else, as pg_terminate_backend(), means it.
void on_sigterm(int signal, siginfo_t* info, void*) {
    const int saved = errno;
    if (committing != 0) {
        QueryCancelPending = true;
        InterruptPending = true;
    }
    if (info->si_pid == PostmasterPid) {
        SignalHandlerForShutdownRequest(signal);
    } else {
        die(signal);
    }
    errno = saved;
}

void catch_sigterm() {
    struct sigaction action;
    std::memset(&action, 0, sizeof action);
    action.sa_sigaction = on_sigterm;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART | SA_SIGINFO;
    sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

void describe_handler(BackgroundWorker& worker, int position, int place, Oid database, std::uint64_t ticket) {
    std::memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "pg_atelier", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "atelier_handler_main", sizeof worker.bgw_function_name);
    snprintf(worker.bgw_name, sizeof worker.bgw_name, "pg_atelier handler for database %u", database);
    strlcpy(worker.bgw_type, "pg_atelier handler", sizeof worker.bgw_type);
    worker.bgw_notify_pid = MyProcPid;
    const Assignment assignment{database, position, place, ticket};
    static_assert(sizeof assignment <= sizeof worker.bgw_extra);
    std::memcpy(worker.bgw_extra, &assignment, sizeof assignment);
}

}  // namespace atelier::postgres

extern "C" {

PGDLLEXPORT void atelier_handler_main(Datum argument);

void atelier_handler_main(Datum) {
    using namespace atelier::postgres;
    std::memcpy(&mine, MyBgworkerEntry->bgw_extra, sizeof mine);
    if (!attach()) proc_exit(0);
    on_shmem_exit(detach, Datum{0});

    catch_sigterm();
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(mine.database, InvalidOid, 0);
    (void)enter(serve_users, &mine);
    proc_exit(0);
}

}  // extern "C"
