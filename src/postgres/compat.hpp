#pragma once
// Every difference between PostgreSQL 15, 16, 17 and 18 that this directory meets. Nothing else asks PG_VERSION_NUM
// (prelude.hpp does once, before postgres.h).

#include "postgres/prelude.hpp"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "pg_atelier builds on PostgreSQL 15 to 18"
#endif

namespace atelier::postgres::compat {

// Fills a tuplestore for a set-returning function; rows go to rsinfo->setResult.
inline void begin_result_set(FunctionCallInfo fcinfo) {
    InitMaterializedSRF(fcinfo, 0);
}

inline bool owns_database(Oid database, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, role);
#else
    return pg_database_ownercheck(database, role);
#endif
}

inline bool owns_extension(Oid extension, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(ExtensionRelationId, extension, role);
#else
    return pg_extension_ownercheck(extension, role);
#endif
}

// A number that no other living backend has, from 1 up to the number of backends that the server can have.
inline int backend_number() noexcept {
#if PG_VERSION_NUM >= 170000
    return MyProcNumber + 1;
#else
    return MyBackendId;
#endif
}

// 17 gives extensions wait events with names of their own; before, pg_stat_activity shows "Extension".
inline std::uint32_t wait_event(const char* name) {
#if PG_VERSION_NUM >= 170000
    return WaitEventExtensionNew(name);
#else
    (void)name;
    return PG_WAIT_EXTENSION;
#endif
}

// 17 brought a third clock beside statement_timeout and idle_in_transaction_session_timeout.
inline constexpr bool has_transaction_timeout = PG_VERSION_NUM >= 170000;

}  // namespace atelier::postgres::compat
