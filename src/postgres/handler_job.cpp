#include "postgres/handler_job.hpp"

#include "postgres/guard.hpp"
#include "postgres/handler_call.hpp"
#include "postgres/handler_timer.hpp"
#include "postgres/transaction.hpp"

namespace atelier::postgres {

namespace {

constexpr int as_engine = SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS;
constexpr std::size_t most_message = handler_message_bytes - 1;

// Where a call stands when an error ends it.
enum class Stage { beginning, calling, finishing };

struct Call {
    const HandlerCallOrder& order;
    Oid extension;
    Stage stage = Stage::beginning;
    bool extension_gone = false;
    bool in_force = false;
    // In the memory of the transaction.
    HandlerCall function{};
    Oid owner = InvalidOid;
    bool has_result = false;
    Datum result = 0;
};

void become_engine(const Call& call) {
    SetUserIdAndSecContext(call.owner, as_engine);
}

// Of a column of begin_handler(), copied out of SPI's memory. nullptr: null.
Datum take(int column, MemoryContext target, bool* is_null) {
    const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, is_null);
    if (*is_null) return Datum{0};
    const Form_pg_attribute attribute = TupleDescAttr(SPI_tuptable->tupdesc, column - 1);
    MemoryContext const previous = MemoryContextSwitchTo(target);
    const Datum copy = attribute->attlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value))
                                               : datumCopy(value, attribute->attbyval, attribute->attlen);
    MemoryContextSwitchTo(previous);
    return copy;
}

void ask_engine(const Call& call, const char* statement, Datum result, bool has_result, int parameters) {
    Oid types[] = {INT8OID, UUIDOID, INT8OID, INT8OID, JSONBOID};
    Datum values[] = {Int64GetDatum(call.order.epoch), UUIDPGetDatum(&call.order.job),
                      Int64GetDatum(call.order.attempt), Int64GetDatum(call.order.token), result};
    const char nulls[] = {' ', ' ', ' ', ' ', has_result ? ' ' : 'n', '\0'};
    const int code = SPI_execute_with_args(statement, parameters, types, values, nulls, false, 0);
    if (code != SPI_OK_SELECT) elog(ERROR, "unexpected result %d of: %s", code, statement);
}

void begin(Call& call) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    // What was committed here is the job's only trace.
    if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF) {
        (void)set_config_option("synchronous_commit", "local", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                                false);
    }
    handler_timer::start(call.order.timeout_ms);
    LockDatabaseObject(ExtensionRelationId, call.extension, 0, AccessShareLock);
    PushActiveSnapshot(GetTransactionSnapshot());
    call.extension_gone = get_extension_oid("pg_atelier", true) != call.extension;
    if (call.extension_gone) return;
    call.owner = get_role_oid("atelier_owner", false);
    become_engine(call);
    MemoryContext const target = CurrentMemoryContext;
    SPI_connect();
    ask_engine(call,
               "select function_name, run_as, client_id, argument from atelier_internal.begin_handler($1, $2, $3, $4)",
               0, false, 4);
    if (SPI_processed == 1) {
        bool none[4] = {};
        const Datum function = take(1, target, &none[0]);
        const Datum role = take(2, target, &none[1]);
        const Datum client = take(3, target, &none[2]);
        const Datum argument = take(4, target, &none[3]);
        if (none[0] || none[1] || none[3]) elog(ERROR, "begin_handler() returned a null");
        MemoryContext const previous = MemoryContextSwitchTo(target);
        call.function = {DatumGetTextPP(function), TextDatumGetCString(role), none[2] ? nullptr : DatumGetUUIDP(client),
                         argument};
        MemoryContextSwitchTo(previous);
        call.in_force = true;
    }
    SPI_finish();
}

void finish(Call& call) {
    become_engine(call);
    SPI_connect();
    ask_engine(call, "select atelier_internal.finish_handler($1, $2, $3, $4, $5)", call.result, call.has_result, 5);
    SPI_finish();
    PopActiveSnapshot();
    handler_timer::stop();
    // One that caught its cancellation and came to an end in spite of it.
    if (handler_timer::verdict() != CallEnd::none) elog(ERROR, "the function was cancelled");
    QueryCancelPending = false;
    committing = 1;
    CommitTransactionCommand();
    committing = 0;
}

void run(Call& call) {
    begin(call);
    if (!call.in_force) {
        PopActiveSnapshot();
        handler_timer::stop();
        CommitTransactionCommand();
        return;
    }
    pgstat_report_activity(STATE_RUNNING, psprintf("pg_atelier handler: %s", text_to_cstring(call.function.function)));
    call.stage = Stage::calling;
    // As if the session were nobody's, should anything look before the role is the function's.
    call.has_result = call_handler(call.function, &call.result);
    call.stage = Stage::finishing;
    finish(call);
}

// What a function may leave behind in a session: the transaction takes the rest along.
void clean_session() {
    LockReleaseAll(USER_LOCKMETHOD, true);
    DropAllPreparedStatements();
    ResetSequenceCaches();
    SetUserIdAndSecContext(GetSessionUserId(), 0);
    // A lock that was waited for may have taken a wake that was meant for the loop.
    SetLatch(MyLatch);
    (void)pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, nullptr);
}

// The innermost function that a context names, and the place in it. Statements stay out: they hold values.
std::string_view place_in(std::string_view context) {
    while (!context.empty()) {
        const std::string_view line = context.substr(0, context.find('\n'));
        if (line.substr(0, 3) == "PL/" || line.substr(0, 13) == "SQL function ") return line;
        context.remove_prefix(std::min(line.size() + 1, context.size()));
    }
    return {};
}

std::string message_of(const PgError& error) {
    std::string message = error.what();
    if (error.hint()[0] != '\0') message += std::string(" (hint: ") + error.hint() + ')';
    if (const std::string_view place = place_in(error.context()); !place.empty()) message.append("; ").append(place);
    return core::to_storable_text(error.sqlstate_text() + ": " + message, most_message);
}

CallReport judge(const Call& call, const PgError& error) {
    switch (handler_timer::verdict()) {
        case CallEnd::timed_out:
            return {CallEnd::timed_out,
                    "the function did not end within " + std::to_string(call.order.timeout_ms) + " ms"};
        case CallEnd::cancelled:
            return {CallEnd::cancelled, "the job was cancelled while its function ran"};
        case CallEnd::given_back:
            return {CallEnd::given_back, "the function was stopped"};
        default:
            break;
    }
    const bool is_stale = call.stage == Stage::finishing && error.sqlstate() == ERRCODE_T_R_SERIALIZATION_FAILURE;
    if (is_stale) return {CallEnd::void_lease, {}};
    return {CallEnd::failed, message_of(error)};
}

}  // namespace

CallReport run_call(Oid extension, const HandlerCallOrder& order) {
    Call call{order, extension};
    CallReport report{CallEnd::succeeded, {}};
    try {
        call_postgres(run, call);
        if (!call.in_force) report.end = CallEnd::void_lease;
        report.extension_gone = call.extension_gone;
    } catch (const PgError& error) {
        handler_timer::stop();
        report = judge(call, error);
        abort_transaction();
    }
    try {
        call_postgres(clean_session);
    } catch (const PgError&) {
        abort_transaction();
        proc_exit(1);
    }
    return report;
}

}  // namespace atelier::postgres
