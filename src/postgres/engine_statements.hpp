#pragma once
// What the engine's functions in C++ are made of: kept statements, and values in and out. Everything here runs under
// the guard (call_postgres) and may ereport.

#include "postgres/engine.hpp"

namespace atelier::postgres::engine {

inline constexpr int most_parameters = 8;

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
inline void execute(Statement& statement, Datums& values) {
    if (statement.plan == nullptr) {
        SPIPlanPtr plan = SPI_prepare(statement.text, statement.parameters, statement.types);
        if (plan == nullptr || SPI_keepplan(plan) != 0) elog(ERROR, "could not prepare: %s", statement.text);
        statement.plan = plan;
    }
    const int result = SPI_execute_plan(statement.plan, values, nullptr, false, 0);
    if (result != SPI_OK_SELECT) elog(ERROR, "unexpected result %d of: %s", result, statement.text);
}

inline Datum cell(std::uint64_t row, int column, bool* is_null) {
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, is_null);
}

inline Datum cell(std::uint64_t row, int column) {
    bool is_null = false;
    const Datum value = cell(row, column, &is_null);
    if (is_null) elog(ERROR, "unexpected null in column %d of an engine function", column);
    return value;
}

inline Datum text_datum(const std::string& text) {
    return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

inline Tenant tenant_in(Datum value) {
    Tenant tenant{};
    std::memcpy(tenant.data(), DatumGetUUIDP(value)->data, UUID_LEN);
    return tenant;
}

// Of the columns lane_id, tenant_id, priority, sequence.
inline Entry entry_in(std::uint64_t row, int column) {
    Entry entry{};
    entry.flow.lane = DatumGetInt32(cell(row, column));
    entry.flow.tenant = tenant_in(cell(row, column + 1));
    entry.flow.priority = DatumGetInt16(cell(row, column + 2));
    entry.sequence = DatumGetInt64(cell(row, column + 3));
    return entry;
}

inline Datum array_datum(const std::vector<Tenant>& tenants) {
    Datum* elements = static_cast<Datum*>(palloc(sizeof(Datum) * std::max<std::size_t>(tenants.size(), 1)));
    for (std::size_t i = 0; i < tenants.size(); ++i)
        elements[i] = PointerGetDatum(tenants[i].data());
    return PointerGetDatum(
        construct_array(elements, static_cast<int>(tenants.size()), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
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

// The integer[] or bigint[] of a single row; empty for null. `out` is filled under the guard, so that it must belong to
// the caller.
template <class Number>
void collect_numbers(std::vector<Number>& out) {
    bool is_null = false;
    const Datum value = cell(0, 1, &is_null);
    if (is_null) return;
    Datum* elements = nullptr;
    int count = 0;
    constexpr bool wide = sizeof(Number) == 8;
    deconstruct_array(DatumGetArrayTypeP(value), wide ? INT8OID : INT4OID, sizeof(Number), !wide || FLOAT8PASSBYVAL,
                      wide ? TYPALIGN_DOUBLE : TYPALIGN_INT, &elements, nullptr, &count);
    for (int i = 0; i < count; ++i)
        out.push_back(static_cast<Number>(wide ? DatumGetInt64(elements[i]) : DatumGetInt32(elements[i])));
}

}  // namespace atelier::postgres::engine
