// workers_state(), lane_counters() and handlers_state(): what workers and handler processes publish in shared memory,
// as rows. Counters only, no table is read. And what waiting for a job needs: wait_for_settling() and
// in_transaction_block().

#include "postgres/compat.hpp"
#include "postgres/prelude.hpp"
#include "postgres/shared_memory.hpp"

namespace atelier::postgres {

namespace {

struct SlotView {
    Oid database;
    const char* state;
    pid_t worker_pid;
    WorkerReport report;
};

const char* state_word(const DatabaseSlot& slot) noexcept {
    if (slot.holds > 0) return "held";
    switch (slot.phase) {
        case WorkerPhase::starting:
            return "starting";
        case WorkerPhase::running:
            return slot.report.paused ? "paused" : "running";
        case WorkerPhase::stopping:
            return "stopping";
        case WorkerPhase::stopped:
            break;
    }
    return "stopped";
}

// False for a free slot, and for one that only holds a database without a worker.
bool view_slot(DatabaseSlot& slot, SlotView& view) noexcept {
    SpinGuard guard(slot.lock);
    if (slot.database == InvalidOid || (!slot.wanted && slot.phase == WorkerPhase::stopped)) return false;
    view = {slot.database, state_word(slot), slot.worker_pid, slot.report};
    return true;
}

void put_row(const SlotView& view, ReturnSetInfo* result) {
    const WorkerReport& report = view.report;
    Datum values[14] = {
        ObjectIdGetDatum(view.database),    CStringGetTextDatum(view.state),
        Int32GetDatum(view.worker_pid),     Int32GetDatum(report.executor_pid),
        Int64GetDatum(report.epoch),        TimestampTzGetDatum(report.started_at),
        Int64GetDatum(report.turns),        TimestampTzGetDatum(report.last_turn_at),
        Int32GetDatum(report.in_flight),    Int64GetDatum(report.leased),
        Int64GetDatum(report.settled),      Int64GetDatum(report.swept),
        BoolGetDatum(report.build_matches), CStringGetTextDatum(report.last_error),
    };
    bool nulls[14] = {};
    nulls[2] = view.worker_pid == 0;
    nulls[3] = report.executor_pid == 0;
    nulls[4] = report.epoch == 0;
    nulls[5] = report.started_at == 0;
    nulls[7] = report.last_turn_at == 0;
    nulls[12] = !report.build_known;
    nulls[13] = report.last_error[0] == '\0';
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void put_lane(const LaneCounters& lane, ReturnSetInfo* result) {
    Datum values[11] = {
        Int32GetDatum(lane.lane),
        Int32GetDatum(lane.in_flight),
        Int32GetDatum(lane.allowed),
        CStringGetTextDatum(lane.gate),
        Int64GetDatum(lane.started),
        Int64GetDatum(lane.answered),
        Int64GetDatum(lane.refused),
        Int64GetDatum(lane.failed),
        Int32GetDatum(lane.tenants),
        Float8GetDatum(lane.weights),
        Float8GetDatum(lane.starts_per_second),
    };
    bool nulls[11] = {};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

struct HandlerView {
    HandlerPhase phase;
    pid_t pid;
    CallPhase call;
    bool ends;  // it is asked to, or leaves
    pg_uuid_t job;
    std::int64_t attempt;
    TimestampTz since;
};

// False: there is no process.
bool view_handler(DatabaseSlot& slot, int place, HandlerView& view) noexcept {
    SpinGuard guard(slot.lock);
    const HandlerSlot& handler = slot.handlers[place];
    if (slot.database != MyDatabaseId) return false;
    if (handler.phase != HandlerPhase::starting && handler.phase != HandlerPhase::ready) return false;
    view = {handler.phase,     handler.pid,           handler.call, handler.leave || handler.stop != CallStop::none,
            handler.order.job, handler.order.attempt, handler.since};
    return true;
}

const char* state_word(const HandlerView& view) noexcept {
    if (view.phase == HandlerPhase::starting) return "starting";
    if (view.call == CallPhase::running) return view.ends ? "stopping" : "running";
    return view.ends ? "leaving" : "idle";
}

void put_handler(const HandlerView& view, ReturnSetInfo* result) {
    const bool runs = view.call == CallPhase::running;
    Datum values[5] = {Int32GetDatum(view.pid), CStringGetTextDatum(state_word(view)), UUIDPGetDatum(&view.job),
                       Int64GetDatum(view.attempt), TimestampTzGetDatum(view.since)};
    bool nulls[5] = {view.pid == 0, false, !runs, !runs, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace
}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_workers_state);
PG_FUNCTION_INFO_V1(atelier_lane_counters);
PG_FUNCTION_INFO_V1(atelier_handlers_state);
PG_FUNCTION_INFO_V1(atelier_wait_for_settling);
PG_FUNCTION_INFO_V1(atelier_in_transaction_block);

PGDLLEXPORT Datum atelier_workers_state(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    compat::begin_result_set(fcinfo);
    if (SharedState* state = shared_state()) {
        SlotView view;
        for (DatabaseSlot& slot : state->slots) {
            if (view_slot(slot, view)) put_row(view, reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo));
        }
    }
    return Datum{0};
}

PGDLLEXPORT Datum atelier_lane_counters(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    compat::begin_result_set(fcinfo);
    SlotView view;
    DatabaseSlot* slot = find_slot(MyDatabaseId);
    if (slot == nullptr || !view_slot(*slot, view)) return Datum{0};
    for (int i = 0; i < view.report.lane_count; ++i)
        put_lane(view.report.lanes[i], reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo));
    return Datum{0};
}

PGDLLEXPORT Datum atelier_handlers_state(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    compat::begin_result_set(fcinfo);
    HandlerView view;
    DatabaseSlot* slot = find_slot(MyDatabaseId);
    for (int place = 0; slot != nullptr && place < max_handlers; ++place)
        if (view_handler(*slot, place, view)) put_handler(view, reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo));
    return Datum{0};
}

PGDLLEXPORT Datum atelier_wait_for_settling(PG_FUNCTION_ARGS) {
    constexpr std::int32_t longest_ms = 1000;
    atelier::postgres::wait_for_settling(std::clamp(PG_GETARG_INT32(0), 0, longest_ms));
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum atelier_in_transaction_block(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_BOOL(IsTransactionBlock());
}

}  // extern "C"
