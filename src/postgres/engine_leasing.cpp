// The engine's functions of leasing: what may be leased, where entries wait, and what was learned of the lanes.

#include "postgres/engine_statements.hpp"
#include "postgres/guard.hpp"

namespace atelier::postgres::engine {

namespace {

// A plan as the arrays that the lease function takes.
struct LeaseArrays {
    std::vector<std::int32_t> lanes;
    std::vector<Tenant> tenants;
    std::vector<std::int16_t> priorities;
    std::vector<std::int64_t> watermarks;
    std::vector<std::int32_t> takes;
    std::vector<std::int32_t> busy_lanes;
    std::vector<std::int32_t> in_flight;
};

LeaseArrays arrays_of(const LeaseRequest& request) {
    LeaseArrays out;
    for (const auto& [flow, watermark, count] : request.plan.takes) {
        out.lanes.push_back(flow.lane);
        out.tenants.push_back(flow.tenant);
        out.priorities.push_back(flow.priority);
        out.watermarks.push_back(watermark);
        out.takes.push_back(count);
    }
    for (const auto& [lane, orders] : request.load) {
        out.busy_lanes.push_back(lane);
        out.in_flight.push_back(orders);
    }
    return out;
}

void read_leased(std::uint64_t row, std::vector<LeasedRow>& rows) {
    bool no_attempt = false;
    bool no_timeout = false;
    bool no_order = false;
    const Datum attempt = cell(row, 1, &no_attempt);
    const Entry entry = entry_in(row, 2);
    const Datum timeout = cell(row, 6, &no_timeout);
    const Datum order = cell(row, 7, &no_order);
    const text* bytes = no_order ? nullptr : DatumGetTextPP(order);
    const bool paid = DatumGetBool(cell(row, 8));
    const bool handled = DatumGetBool(cell(row, 9));
    LeasedRow& out = rows.emplace_back();
    out.entry = entry;
    if (!no_attempt) out.attempt = DatumGetInt64(attempt);
    if (!no_timeout) out.timeout_ms = DatumGetInt32(timeout);
    out.paid = paid;
    out.handled = handled;
    if (bytes != nullptr) out.order.emplace(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

// Without destructors, so that it is read before anything of C++ is touched.
struct RawLane {
    std::int32_t lane;
    std::int32_t max_in_flight;
    bool trusted;
    std::int64_t per_minute[core::axis_count];  // 0: no limit
    bool paused;
    const char* gate;
    std::int64_t until;
    bool no_until;
    const char* learned;
    bool handled;
    std::int32_t resumes;
};

RawLane read_lane(std::uint64_t row) {
    RawLane raw{};
    raw.lane = DatumGetInt32(cell(row, 1));
    raw.max_in_flight = DatumGetInt32(cell(row, 2));
    raw.trusted = DatumGetBool(cell(row, 3));
    for (int axis = 0; axis < static_cast<int>(core::axis_count); ++axis) {
        bool none = false;
        const Datum rate = cell(row, 4 + axis, &none);
        raw.per_minute[axis] = none ? 0 : DatumGetInt64(rate);
    }
    raw.paused = DatumGetBool(cell(row, 7));
    raw.gate = TextDatumGetCString(cell(row, 8));
    const Datum until = cell(row, 9, &raw.no_until);
    if (!raw.no_until) raw.until = DatumGetTimestampTz(until);
    raw.learned = TextDatumGetCString(cell(row, 10));
    raw.handled = DatumGetBool(cell(row, 11));
    raw.resumes = DatumGetInt32(cell(row, 12));
    return raw;
}

void add_lane(const RawLane& raw, std::vector<LaneRow>& rows) {
    LaneRow& row = rows.emplace_back();
    row.lane = raw.lane;
    row.limits.max_in_flight = raw.max_in_flight;
    row.limits.trusted = raw.trusted;
    for (std::size_t axis = 0; axis < core::axis_count; ++axis)
        if (raw.per_minute[axis] > 0) row.limits.per_minute[axis] = static_cast<std::uint64_t>(raw.per_minute[axis]);
    row.paused = raw.paused;
    row.gate = raw.gate;
    if (!raw.no_until) row.gate_until_us = raw.until;
    row.learned = raw.learned;
    row.handled = raw.handled;
    row.resumes = raw.resumes;
}

Datum text_array(const std::vector<LaneRecord>& records, bool gates) {
    Datum* elements = static_cast<Datum*>(palloc(sizeof(Datum) * std::max<std::size_t>(records.size(), 1)));
    for (std::size_t i = 0; i < records.size(); ++i)
        elements[i] = gates ? CStringGetTextDatum(records[i].gate) : text_datum(records[i].learned);
    return PointerGetDatum(
        construct_array(elements, static_cast<int>(records.size()), TEXTOID, -1, false, TYPALIGN_INT));
}

Datum until_array(const std::vector<LaneRecord>& records) {
    const std::size_t room = std::max<std::size_t>(records.size(), 1);
    Datum* elements = static_cast<Datum*>(palloc0(sizeof(Datum) * room));
    bool* nulls = static_cast<bool*>(palloc0(sizeof(bool) * room));
    for (std::size_t i = 0; i < records.size(); ++i) {
        nulls[i] = !records[i].until_us;
        if (records[i].until_us) elements[i] = TimestampTzGetDatum(*records[i].until_us);
    }
    int count = static_cast<int>(records.size());
    int lowest = 1;
    return PointerGetDatum(construct_md_array(elements, nulls, 1, &count, &lowest, TIMESTAMPTZOID, sizeof(TimestampTz),
                                              FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

}  // namespace

std::vector<LeasedRow> lease(const LeaseRequest& request) {
    struct Call {
        std::int64_t epoch;
        const LeaseArrays arrays;
        std::vector<LeasedRow> rows;
    } call{request.epoch, arrays_of(request), {}};
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{
                "select attempt_id, lane_id, tenant_id, priority, sequence, timeout_ms, order_text, coalesce(paid, "
                "false), coalesce(handled, false)"
                " from atelier_internal.lease($1, $2, $3, $4, $5, $6, $7, $8)",
                8,
                {INT8OID, INT4ARRAYOID, UUIDARRAYOID, INT2ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT4ARRAYOID,
                 INT4ARRAYOID}};
            const LeaseArrays& in = c.arrays;
            Datums values = {Int64GetDatum(c.epoch),     array_datum(in.lanes),      array_datum(in.tenants),
                             array_datum(in.priorities), array_datum(in.watermarks), array_datum(in.takes),
                             array_datum(in.busy_lanes), array_datum(in.in_flight)};
            execute(statement, values);
            for (std::uint64_t row = 0; row < SPI_processed; ++row)
                read_leased(row, c.rows);
        },
        call);
    return std::move(call.rows);
}

std::vector<Entry> sweep(const std::optional<Flow>& after, std::size_t most) {
    struct Call {
        const std::optional<Flow>& after;
        std::size_t most;
        std::vector<Entry> found;
    } call{after, most, {}};
    call_postgres<Call>(
        [](Call& c) {
            static Statement from_first{
                "select lane_id, tenant_id, priority, sequence from atelier_internal.sweep(p_limit => $1)",
                1,
                {INT4OID}};
            static Statement from_flow{
                "select lane_id, tenant_id, priority, sequence from atelier_internal.sweep($2, $3, $4, $1)",
                4,
                {INT4OID, INT4OID, UUIDOID, INT2OID}};
            Datums values = {Int32GetDatum(static_cast<std::int32_t>(c.most))};
            if (c.after) {
                values[1] = Int32GetDatum(c.after->lane);
                values[2] = PointerGetDatum(c.after->tenant.data());
                values[3] = Int16GetDatum(c.after->priority);
            }
            execute(c.after ? from_flow : from_first, values);
            for (std::uint64_t row = 0; row < SPI_processed; ++row) {
                const Entry entry = entry_in(row, 1);
                c.found.push_back(entry);
            }
        },
        call);
    return std::move(call.found);
}

std::vector<LaneRow> lane_limits() {
    std::vector<LaneRow> rows;
    call_postgres<std::vector<LaneRow>>(
        [](std::vector<LaneRow>& out) {
            static Statement statement{
                "select lane_id, max_in_flight, trusted, requests_per_minute, tokens_per_minute, images_per_minute,"
                " paused, gate, gate_until, learned, handled, resumes from atelier_internal.lane_limits()",
                0,
                {}};
            Datums values;
            execute(statement, values);
            for (std::uint64_t row = 0; row < SPI_processed; ++row) {
                const RawLane raw = read_lane(row);
                add_lane(raw, out);
            }
        },
        rows);
    return rows;
}

std::vector<TenantLimit> tenant_limits() {
    std::vector<TenantLimit> rows;
    call_postgres<std::vector<TenantLimit>>(
        [](std::vector<TenantLimit>& out) {
            static Statement statement{
                "select tenant_id, weight, max_in_flight, paused from atelier_internal.tenant_limits()", 0, {}};
            Datums values;
            execute(statement, values);
            for (std::uint64_t row = 0; row < SPI_processed; ++row) {
                bool unlimited = false;
                const Tenant tenant = tenant_in(cell(row, 1));
                const double weight = DatumGetFloat8(cell(row, 2));
                const Datum most = cell(row, 3, &unlimited);
                const bool paused = DatumGetBool(cell(row, 4));
                TenantLimit& limit = out.emplace_back();
                limit.tenant = tenant;
                limit.weight = weight;
                if (!unlimited) limit.max_in_flight = DatumGetInt32(most);
                limit.paused = paused;
            }
        },
        rows);
    return rows;
}

std::vector<DrainingOrder> draining_orders() {
    std::vector<DrainingOrder> rows;
    call_postgres<std::vector<DrainingOrder>>(
        [](std::vector<DrainingOrder>& out) {
            static Statement statement{
                "select attempt_id, lane_id, tenant_id from atelier_internal.draining_orders()", 0, {}};
            Datums values;
            execute(statement, values);
            for (std::uint64_t row = 0; row < SPI_processed; ++row) {
                const std::int64_t attempt = DatumGetInt64(cell(row, 1));
                const std::int32_t lane = DatumGetInt32(cell(row, 2));
                const Tenant tenant = tenant_in(cell(row, 3));
                out.push_back({attempt, lane, tenant});
            }
        },
        rows);
    return rows;
}

std::vector<std::int32_t> record_lanes(const std::vector<LaneRecord>& records) {
    struct Call {
        const std::vector<LaneRecord>& records;
        std::vector<std::int32_t> lanes;
        std::vector<std::int32_t> resumes;
        std::vector<std::int32_t> done;
    } call{records, {}, {}, {}};
    for (const LaneRecord& record : records) {
        call.lanes.push_back(record.lane);
        call.resumes.push_back(record.resumes);
    }
    call_postgres<Call>(
        [](Call& c) {
            static Statement statement{"select atelier_internal.record_lanes($1, $2, $3, $4, $5)",
                                       5,
                                       {INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, INT4ARRAYOID}};
            Datums values = {array_datum(c.lanes), text_array(c.records, true), until_array(c.records),
                             text_array(c.records, false), array_datum(c.resumes)};
            execute(statement, values);
            collect_numbers(c.done);
        },
        call);
    return std::move(call.done);
}

}  // namespace atelier::postgres::engine
