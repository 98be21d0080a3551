#include "postgres/wake.hpp"

#include "postgres/database_commands.hpp"
#include "postgres/notes.hpp"
#include "postgres/prelude.hpp"
#include "postgres/shared_memory.hpp"

namespace atelier::postgres {

namespace {

struct PendingAtCommit {
    Notes notes;
    bool want_worker;
    bool recheck;
};

PendingAtCommit pending = {{{}, 0, false, false, false, false, false, false, Notes::never}, false, false};
bool watching = false;
bool own_lane_changes_are_news = true;

void forget() noexcept {
    pending.notes.clear();
    pending.want_worker = pending.recheck = false;
}

void recheck_extension(Oid database) noexcept {
    DatabaseSlot* slot = find_slot(database);
    if (slot == nullptr) return;
    Latch* latch = nullptr;
    {
        SpinGuard guard(slot->lock);
        if (slot->database != database) return;
        slot->recheck = true;
        latch = slot->worker_latch;
    }
    if (latch != nullptr) SetLatch(latch);
}

// The transaction is over when this runs: an error here would be a PANIC, so nothing below allocates or reports.
void on_transaction_end(XactEvent event, void*) noexcept {
    switch (event) {
        case XACT_EVENT_COMMIT:
            if (pending.want_worker) want_worker(MyDatabaseId);
            if (pending.recheck) recheck_extension(MyDatabaseId);
            if (!pending.notes.empty()) hand_over(MyDatabaseId, pending.notes);
            break;
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PREPARE:
            break;
        default:
            return;
    }
    if (pending.want_worker || pending.recheck || !pending.notes.empty()) forget();
    release_held_databases();
}

// Positions of the columns of the relation that a trigger saw last. A name keeps its number as long as the relation
// lives, so the oid is key enough.
template <int N>
struct ColumnNumbers {
    Oid relation = InvalidOid;
    int numbers[N] = {};

    void find(Relation rel, const char* const (&names)[N]) {
        if (relation == RelationGetRelid(rel)) return;
        for (int i = 0; i < N; ++i) {
            numbers[i] = SPI_fnumber(RelationGetDescr(rel), names[i]);
            if (numbers[i] <= 0) {
                ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                                errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(rel), names[i])));
            }
        }
        relation = RelationGetRelid(rel);
    }
};

TriggerData* trigger_data(FunctionCallInfo fcinfo, bool for_row) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR,
                (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("function is called as a trigger only")));
    }
    TriggerData* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    const bool fits = !for_row || (TRIGGER_FIRED_BEFORE(data->tg_event) && TRIGGER_FIRED_FOR_ROW(data->tg_event) &&
                                   TRIGGER_FIRED_BY_INSERT(data->tg_event));
    if (!fits) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("trigger \"%s\" must fire before insert for each row", data->tg_trigger->tgname)));
    }
    return data;
}

// False without shared memory: there is nobody to tell.
bool may_note() {
    if (shared_state() == nullptr) return false;
    watch_transaction_end();
    return true;
}

Datum column(const TriggerData* data, int number) {
    bool is_null = false;
    const Datum value = SPI_getbinval(data->tg_trigtuple, RelationGetDescr(data->tg_relation), number, &is_null);
    if (is_null) ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("a queue row must not hold a null")));
    return value;
}

Datum row_of(const TriggerData* data) {
    return PointerGetDatum(data->tg_trigtuple);
}

}  // namespace

void watch_transaction_end() {
    if (watching) return;
    RegisterXactCallback(on_transaction_end, nullptr);
    watching = true;
}

void want_worker_at_commit() {
    watch_transaction_end();
    pending.want_worker = true;
}

void ignore_own_lane_changes() {
    own_lane_changes_are_news = false;
}

void recheck_extension_at_commit() {
    watch_transaction_end();
    pending.recheck = true;
}

}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_note_queue_entry);
PG_FUNCTION_INFO_V1(atelier_note_due);
PG_FUNCTION_INFO_V1(atelier_note_cancellation);
PG_FUNCTION_INFO_V1(atelier_note_dependency);
PG_FUNCTION_INFO_V1(atelier_note_unresolved);
PG_FUNCTION_INFO_V1(atelier_note_limits);
PG_FUNCTION_INFO_V1(atelier_note_tenants);
PG_FUNCTION_INFO_V1(atelier_note_wake);

PGDLLEXPORT Datum atelier_note_queue_entry(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    static constexpr const char* names[] = {"lane_id", "tenant_id", "priority", "sequence"};
    static ColumnNumbers<4> columns;
    TriggerData* data = trigger_data(fcinfo, true);
    if (may_note()) {
        columns.find(data->tg_relation, names);
        Entry entry{};
        entry.flow.lane = DatumGetInt32(column(data, columns.numbers[0]));
        std::memcpy(entry.flow.tenant.data(), DatumGetUUIDP(column(data, columns.numbers[1]))->data, UUID_LEN);
        entry.flow.priority = DatumGetInt16(column(data, columns.numbers[2]));
        entry.sequence = DatumGetInt64(column(data, columns.numbers[3]));
        pending.notes.add_entry(entry);
    }
    return row_of(data);
}

PGDLLEXPORT Datum atelier_note_due(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    static ColumnNumbers<1> columns;
    TriggerData* data = trigger_data(fcinfo, true);
    if (data->tg_trigger->tgnargs != 1) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("trigger \"%s\" must name one column", data->tg_trigger->tgname)));
    }
    if (may_note()) {
        const char* const names[] = {data->tg_trigger->tgargs[0]};
        columns.find(data->tg_relation, names);
        pending.notes.add_due(DatumGetTimestampTz(column(data, columns.numbers[0])));
    }
    return row_of(data);
}

PGDLLEXPORT Datum atelier_note_cancellation(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    TriggerData* data = trigger_data(fcinfo, true);
    if (may_note()) pending.notes.cancellation = true;
    return row_of(data);
}

PGDLLEXPORT Datum atelier_note_dependency(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    TriggerData* data = trigger_data(fcinfo, true);
    if (may_note()) pending.notes.dependency = true;
    return row_of(data);
}

PGDLLEXPORT Datum atelier_note_unresolved(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    using namespace atelier::postgres;
    if (may_note()) pending.notes.dependency = true;
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum atelier_note_limits(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    using namespace atelier::postgres;
    if (may_note()) pending.notes.lanes = pending.notes.tenants = true;
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum atelier_note_tenants(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    trigger_data(fcinfo, false);
    if (may_note()) pending.notes.tenants = true;
    return PointerGetDatum(nullptr);
}

PGDLLEXPORT Datum atelier_note_wake(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    trigger_data(fcinfo, false);
    if (may_note() && own_lane_changes_are_news) pending.notes.lanes = true;
    return PointerGetDatum(nullptr);
}

}  // extern "C"
