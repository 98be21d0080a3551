#include "postgres/engine.hpp"

#include "postgres/guard.hpp"

namespace atelier::postgres::engine {

namespace {

constexpr int most_parameters = 7;

// A statement, planned when it is first used and kept for the life of the process.
struct Statement {
    const char* text;
    int parameters;
    Oid types[most_parameters];
    SPIPlanPtr plan = nullptr;
};

// One execution: in, parameters that C++ converts inside the guard; out, through `collect`.
using Datums = Datum[most_parameters];

// Runs under the guard, so that nothing here may have a destructor. The result is in SPI_tuptable.
void execute(Statement& statement, Datums& values) {
    if (statement.plan == nullptr) {
        SPIPlanPtr plan = SPI_prepare(statement.text, statement.parameters, statement.types);
        if (plan == nullptr || SPI_keepplan(plan) != 0) elog(ERROR, "could not prepare: %s", statement.text);
        statement.plan = plan;
    }
    const int result = SPI_execute_plan(statement.plan, values, nullptr, false, 0);
    if (result != SPI_OK_SELECT) elog(ERROR, "unexpected result %d of: %s", result, statement.text);
}

Datum cell(std::uint64_t row, int column, bool* is_null) {
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, is_null);
}

Datum cell(std::uint64_t row, int column) {
    bool is_null = false;
    const Datum value = cell(row, column, &is_null);
    if (is_null) elog(ERROR, "unexpected null in column %d of an engine function", column);
    return value;
}

Datum text_datum(const std::string& text) {
    return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

LaneNote entry_in(std::uint64_t row, int column) {
    return {DatumGetInt32(cell(row, column)), DatumGetInt16(cell(row, column + 1)),
            DatumGetInt64(cell(row, column + 2))};
}

template <class Number>
Datum array_datum(const std::vector<Number>& numbers) {
    Datum* elements = static_cast<Datum*>(palloc(sizeof(Datum) * std::max<std::size_t>(numbers.size(), 1)));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if constexpr (sizeof(Number) == 8) {
            elements[i] = Int64GetDatum(numbers[i]);
        } else if constexpr (sizeof(Number) == 4) {
            elements[i] = Int32GetDatum(numbers[i]);
        } else {
            elements[i] = Int16GetDatum(numbers[i]);
        }
    }
    constexpr Oid type = sizeof(Number) == 8 ? INT8OID : sizeof(Number) == 4 ? INT4OID : INT2OID;
    constexpr char alignment = sizeof(Number) == 8   ? TYPALIGN_DOUBLE
                               : sizeof(Number) == 4 ? TYPALIGN_INT
                                                     : TYPALIGN_SHORT;
    return PointerGetDatum(construct_array(elements, static_cast<int>(numbers.size()), type, sizeof(Number),
                                           sizeof(Number) < 8 || FLOAT8PASSBYVAL, alignment));
}

// The bigint[] of a single row; empty for null. `out` is filled under the guard, so that it must belong to the caller.
void collect_attempts(LockedAttempts& out) {
    bool is_null = false;
    const Datum value = cell(0, 1, &is_null);
    if (is_null) return;
    Datum* elements = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(value), INT8OID, sizeof(std::int64_t), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
                      &elements, nullptr, &count);
    for (int i = 0; i < count; ++i)
        out.push_back(DatumGetInt64(elements[i]));
}

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

LockedAttempts settle(std::int64_t epoch, const std::string& answers) {
    struct Call {
        std::int64_t epoch;
        const std::string& answers;
        LockedAttempts locked;
    } call{epoch, answers, {}};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier_internal.settle($1, $2)", 2, {INT8OID, JSONBOID}};
            Datums values = {Int64GetDatum(c.epoch), DirectFunctionCall1(jsonb_in, CStringGetDatum(c.answers.c_str()))};
            execute(statement, values);
            collect_attempts(c.locked);
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

std::vector<LeasedRow> lease(const LeaseRequest& request) {
    struct Call {
        const LeaseRequest& request;
        std::vector<LeasedRow> rows;
    } call{request, {}};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{
                "select attempt_id, lane_id, priority, sequence, timeout_ms, order_text, coalesce(paid, false)"
                " from atelier_internal.lease($1, $2, $3, $4, $5, $6, $7)",
                7,
                {INT8OID, INT4OID, INT4ARRAYOID, INT2ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT4ARRAYOID}};
            const LeaseRequest& in = c.request;
            Datums values = {Int64GetDatum(in.epoch),         Int32GetDatum(in.capacity),
                             array_datum(in.keys.lanes),      array_datum(in.keys.priorities),
                             array_datum(in.keys.watermarks), array_datum(in.busy_lanes),
                             array_datum(in.in_flight)};
            execute(statement, values);
            for (std::uint64_t row = 0; row < SPI_processed; ++row) {
                bool no_attempt = false;
                bool no_timeout = false;
                bool no_order = false;
                const Datum attempt = cell(row, 1, &no_attempt);
                const LaneNote entry = entry_in(row, 2);
                const Datum timeout = cell(row, 5, &no_timeout);
                const Datum order = cell(row, 6, &no_order);
                const text* bytes = no_order ? nullptr : DatumGetTextPP(order);
                const bool paid = DatumGetBool(cell(row, 7));
                LeasedRow& out = c.rows.emplace_back();
                out.entry = entry;
                if (!no_attempt) out.attempt = DatumGetInt64(attempt);
                if (!no_timeout) out.timeout_ms = DatumGetInt32(timeout);
                out.paid = paid;
                if (bytes != nullptr) out.order.emplace(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
            }
        },
        call);
    return std::move(call.rows);
}

std::vector<LaneNote> sweep() {
    std::vector<LaneNote> found;
    call_postgres<std::vector<LaneNote>>(
        [](std::vector<LaneNote>& out) {
            static Statement statement{"select lane_id, priority, sequence from atelier_internal.sweep()", 0, {}};
            Datums values;
            execute(statement, values);
            for (std::uint64_t row = 0; row < SPI_processed; ++row) {
                const LaneNote entry = entry_in(row, 1);
                out.push_back(entry);
            }
        },
        found);
    return found;
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
            collect_attempts(c.locked);
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
            collect_attempts(c.locked);
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
