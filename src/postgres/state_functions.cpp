// workers_state() and lane_in_flight(): what workers publish in shared memory, as rows. Counters only, no table is
// read.

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

}  // namespace
}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_workers_state);
PG_FUNCTION_INFO_V1(atelier_lane_in_flight);

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

PGDLLEXPORT Datum atelier_lane_in_flight(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    compat::begin_result_set(fcinfo);
    SlotView view;
    DatabaseSlot* slot = find_slot(MyDatabaseId);
    if (slot == nullptr || !view_slot(*slot, view)) return Datum{0};
    const ReturnSetInfo* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (int i = 0; i < view.report.lane_count; ++i) {
        const LaneLoad& load = view.report.lanes[i];
        Datum values[2] = {Int32GetDatum(load.lane), Int32GetDatum(load.in_flight)};
        bool nulls[2] = {false, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return Datum{0};
}

}  // extern "C"
