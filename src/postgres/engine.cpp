#include "postgres/engine.hpp"

#include "postgres/engine_statements.hpp"
#include "postgres/guard.hpp"

namespace atelier::postgres::engine {

namespace {

// Functions without parameters that return nothing or one integer.
struct Plain {
    Statement* statement;
    std::int32_t result;
};

void run_for_nothing(Plain& call) {
    Datums values;
    execute(*call.statement, values);
}

void run_for_integer(Plain& call) {
    Datums values;
    execute(*call.statement, values);
    call.result = DatumGetInt32(cell(0, 1));
}

// Functions of the epoch that return one integer.
struct EpochCall {
    Statement* statement;
    std::int64_t epoch;
    std::int32_t result;
};

void run_for_epoch(EpochCall& call) {
    Datums values = {Int64GetDatum(call.epoch)};
    execute(*call.statement, values);
    call.result = DatumGetInt32(cell(0, 1));
}

}  // namespace

std::optional<std::string> begin_incarnation(std::int64_t epoch) {
    struct Call {
        std::int64_t epoch;
        std::optional<std::string> reason;
    } call{epoch, std::nullopt};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier_internal.begin_incarnation($1, $2)", 2, {INT8OID, INT4OID}};
            Datums values = {Int64GetDatum(c.epoch), Int32GetDatum(MyProcPid)};
            execute(statement, values);
            if (const char* reason = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)) c.reason = reason;
        },
        call);
    return call.reason;
}

std::int32_t reclaim(std::int64_t epoch) {
    static Statement statement{"select atelier_internal.reclaim($1)", 1, {INT8OID}};
    EpochCall call{&statement, epoch, 0};
    call_postgres(run_for_epoch, call);
    return call.result;
}

std::int32_t resolve_draining(std::int64_t epoch, const std::vector<std::int64_t>& except) {
    struct Call {
        std::int64_t epoch;
        const std::vector<std::int64_t>& except;
        std::int32_t left;
    } call{epoch, except, 0};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier_internal.resolve_draining($1, $2)", 2, {INT8OID, INT8ARRAYOID}};
            Datums values = {Int64GetDatum(c.epoch), array_datum(c.except)};
            execute(statement, values);
            c.left = DatumGetInt32(cell(0, 1));
        },
        call);
    return call.left;
}

LockedAttempts settle(std::int64_t epoch, const std::string& answers, const std::vector<std::int64_t>& excused) {
    struct Call {
        std::int64_t epoch;
        const std::string& answers;
        const std::vector<std::int64_t>& excused;
        LockedAttempts locked;
    } call{epoch, answers, excused, {}};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{
                "select atelier_internal.settle($1, $2, $3)", 3, {INT8OID, JSONBOID, INT8ARRAYOID}};
            Datums values = {Int64GetDatum(c.epoch), DirectFunctionCall1(jsonb_in, CStringGetDatum(c.answers.c_str())),
                             array_datum(c.excused)};
            execute(statement, values);
            collect_numbers(c.locked);
        },
        call);
    return std::move(call.locked);
}

bool settle_rejected(const Rejection& rejection) {
    struct Call {
        const Rejection& rejection;
        bool done;
    } call{rejection, false};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier_internal.settle_rejected($1, $2, $3, $4, $5, $6)",
                                       6,
                                       {INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID}};
            const Rejection& in = c.rejection;
            Datums values = {Int64GetDatum(in.epoch), Int64GetDatum(in.attempt), Int64GetDatum(in.token),
                             text_datum(in.answer),   text_datum(in.sqlstate),   text_datum(in.message)};
            execute(statement, values);
            c.done = DatumGetBool(cell(0, 1));
        },
        call);
    return call.done;
}

std::int32_t promote(std::int32_t limit) {
    struct Call {
        std::int32_t number;
    } call{limit};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier_internal.promote($1)", 1, {INT4OID}};
            Datums values = {Int32GetDatum(c.number)};
            execute(statement, values);
            c.number = DatumGetInt32(cell(0, 1));
        },
        call);
    return call.number;
}

std::int32_t resolve_dependencies() {
    static Statement statement{"select atelier_internal.resolve_dependencies()", 0, {}};
    Plain call{&statement, 0};
    call_postgres(run_for_integer, call);
    return call.result;
}

std::int64_t next_due() {
    std::int64_t due = Notes::never;
    call_postgres<std::int64_t>(
        [](std::int64_t& out) {
            static Statement statement{"select atelier_internal.next_due()", 0, {}};
            Datums values;
            execute(statement, values);
            bool is_null = false;
            const Datum value = cell(0, 1, &is_null);
            if (!is_null) out = DatumGetTimestampTz(value);
        },
        due);
    return due;
}

std::vector<std::int64_t> pending_cancellations() {
    std::vector<std::int64_t> attempts;
    call_postgres<std::vector<std::int64_t>>(
        [](std::vector<std::int64_t>& out) {
            static Statement statement{"select attempt_id from atelier_internal.pending_cancellations()", 0, {}};
            Datums values;
            execute(statement, values);
            for (std::uint64_t row = 0; row < SPI_processed; ++row) {
                const std::int64_t attempt = DatumGetInt64(cell(row, 1));
                out.push_back(attempt);
            }
        },
        attempts);
    return attempts;
}

LockedAttempts release(std::int64_t epoch, const std::vector<std::int64_t>& attempts, const std::string& error_class,
                       bool count_crash, const std::string& message) {
    struct Call {
        std::int64_t epoch;
        const std::vector<std::int64_t>& attempts;
        const std::string& error_class;
        bool count_crash;
        const std::string& message;
        LockedAttempts locked;
    } call{epoch, attempts, error_class, count_crash, message, {}};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier_internal.release($1, $2, $3, $4, $5)",
                                       5,
                                       {INT8OID, INT8ARRAYOID, TEXTOID, BOOLOID, TEXTOID}};
            Datums values = {Int64GetDatum(c.epoch), array_datum(c.attempts), text_datum(c.error_class),
                             BoolGetDatum(c.count_crash), text_datum(c.message)};
            execute(statement, values);
            collect_numbers(c.locked);
        },
        call);
    return std::move(call.locked);
}

LockedAttempts drain(std::int64_t epoch, const std::vector<std::int64_t>& attempts) {
    struct Call {
        std::int64_t epoch;
        const std::vector<std::int64_t>& attempts;
        LockedAttempts locked;
    } call{epoch, attempts, {}};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier_internal.drain($1, $2)", 2, {INT8OID, INT8ARRAYOID}};
            Datums values = {Int64GetDatum(c.epoch), array_datum(c.attempts)};
            execute(statement, values);
            collect_numbers(c.locked);
        },
        call);
    return std::move(call.locked);
}

void maintain() {
    static Statement statement{"select atelier_internal.maintain()", 0, {}};
    Plain call{&statement, 0};
    call_postgres(run_for_nothing, call);
}

std::vector<std::string> late_tasks() {
    std::vector<std::string> tasks;
    call_postgres<std::vector<std::string>>(
        [](std::vector<std::string>& out) {
            static Statement statement{"select task from atelier_internal.late_tasks() as task", 0, {}};
            Datums values;
            execute(statement, values);
            for (std::uint64_t row = 0; row < SPI_processed; ++row) {
                if (const char* task = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1))
                    out.emplace_back(task);
            }
        },
        tasks);
    return tasks;
}

bool run_task(const std::string& task) {
    struct Call {
        const std::string& task;
        bool more;
    } call{task, false};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier_internal.run_task($1)", 1, {TEXTOID}};
            Datums values = {text_datum(c.task)};
            execute(statement, values);
            c.more = DatumGetBool(cell(0, 1));
        },
        call);
    return call.more;
}

void raise_alert(const std::string& kind, const std::string& message, const std::string& hint) {
    struct Call {
        const std::string& kind;
        const std::string& message;
        const std::string& hint;
    } call{kind, message, hint};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{
                "select atelier_internal.raise_alert($1, $2, $3)", 3, {TEXTOID, TEXTOID, TEXTOID}};
            Datums values = {text_datum(c.kind), text_datum(c.message), text_datum(c.hint)};
            execute(statement, values);
        },
        call);
}

void resolve_alert(const std::string& kind) {
    struct Call {
        const std::string& kind;
    } call{kind};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier.resolve_alert($1)", 1, {TEXTOID}};
            Datums values = {text_datum(c.kind)};
            execute(statement, values);
        },
        call);
}

void notify_listeners() {
    static Statement statement{"select atelier_internal.notify_listeners()", 0, {}};
    Plain call{&statement, 0};
    call_postgres(run_for_nothing, call);
}

}  // namespace atelier::postgres::engine
