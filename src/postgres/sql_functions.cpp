// The small SQL-callable functions: identity, random values, settings, whether the library is preloaded.
// Their declarations stand in sql/engine/02_module.sql. All locals are plain data: no guard is needed.

#include "postgres/compat.hpp"
#include "postgres/identity.hpp"
#include "postgres/prelude.hpp"
#include "postgres/shared_memory.hpp"
#include "postgres/wake.hpp"
#include "postgres/worker.hpp"

namespace atelier::postgres {

namespace {

// Nanoseconds since 1970, growing with each call of this backend by at least what 12 bits of a millisecond can show.
std::uint64_t rising_clock() {
    constexpr std::uint64_t step = 1'000'000 / 4096 + 1;
    static std::uint64_t last = 0;
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const std::uint64_t nanoseconds =
        static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
    last = std::max(nanoseconds, last + step);
    return last;
}

// RFC 9562 section 5.7, with method 3 of section 6.2: the 12 bits after the milliseconds are a fraction of them.
void make_uuid_v7(pg_uuid_t& uuid) {
    const std::uint64_t clock = rising_clock();
    const std::uint64_t milliseconds = clock / 1'000'000;
    const std::uint64_t fraction = clock % 1'000'000 * 4096 / 1'000'000;
    for (int i = 0; i < 6; ++i)
        uuid.data[i] = static_cast<unsigned char>(milliseconds >> (40 - 8 * i));
    uuid.data[6] = static_cast<unsigned char>(0x70 | fraction >> 8);
    uuid.data[7] = static_cast<unsigned char>(fraction);
    if (!pg_strong_random(&uuid.data[8], 8)) {
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not draw random bits")));
    }
    uuid.data[8] = static_cast<unsigned char>((uuid.data[8] & 0x3f) | 0x80);
}

// The kernel draws a new one at each boot; empty where it does not tell.
text* boot_id() {
    char id[64] = "";
    const int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length = 0;
    if (file >= 0) {
        length = read(file, id, sizeof id);
        close(file);
    }
    while (length > 0 && id[length - 1] == '\n')
        --length;
    return cstring_to_text_with_len(id, static_cast<int>(std::max<ssize_t>(length, 0)));
}

}  // namespace
}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_preloaded);
PG_FUNCTION_INFO_V1(atelier_warn_if_not_preloaded);
PG_FUNCTION_INFO_V1(atelier_start_worker);
PG_FUNCTION_INFO_V1(atelier_setting);
PG_FUNCTION_INFO_V1(atelier_uuid_v7);
PG_FUNCTION_INFO_V1(atelier_random_token);
PG_FUNCTION_INFO_V1(atelier_instance_id);
PG_FUNCTION_INFO_V1(atelier_system_identifier);
PG_FUNCTION_INFO_V1(atelier_file_store_directory);
PG_FUNCTION_INFO_V1(atelier_build_id);
PG_FUNCTION_INFO_V1(atelier_boot_clock);
PG_FUNCTION_INFO_V1(atelier_own_slot);
PG_FUNCTION_INFO_V1(atelier_run_by);

PGDLLEXPORT Datum atelier_preloaded(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_BOOL(atelier::postgres::shared_state() != nullptr);
}

PGDLLEXPORT Datum atelier_warn_if_not_preloaded(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    static bool warned = false;
    if (atelier::postgres::shared_state() == nullptr && !warned && !IsBinaryUpgrade) {
        warned = true;
        ereport(WARNING, (errmsg("pg_atelier is not preloaded: jobs are queued, but no worker runs them"),
                          errhint("Add pg_atelier to shared_preload_libraries and restart PostgreSQL.")));
    }
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum atelier_start_worker(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    using namespace atelier::postgres;
    if (shared_state() == nullptr) PG_RETURN_BOOL(false);
    if (reserve_slot(MyDatabaseId) == nullptr) {
        ereport(WARNING,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("no worker can be started for this database"),
                 errdetail("%d databases of this server have a pg_atelier worker already.", max_databases)));
        PG_RETURN_BOOL(false);
    }
    want_worker_at_commit();
    PG_RETURN_BOOL(true);
}

PGDLLEXPORT Datum atelier_setting(PG_FUNCTION_ARGS) {
    const char* name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    // With units, so that SQL can cast a time to interval.
    const char* value = GetConfigOptionByName(psprintf("pg_atelier.%s", name), nullptr, true);
    if (value == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no setting pg_atelier.%s", name)));
    }
    PG_RETURN_TEXT_P(cstring_to_text(value));
}

PGDLLEXPORT Datum atelier_uuid_v7(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    pg_uuid_t* uuid = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
    atelier::postgres::make_uuid_v7(*uuid);
    PG_RETURN_UUID_P(uuid);
}

PGDLLEXPORT Datum atelier_random_token(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_INT64(atelier::postgres::random_positive());
}

PGDLLEXPORT Datum atelier_instance_id(PG_FUNCTION_ARGS) {
    PG_RETURN_INT64(atelier::postgres::instance_id(fcinfo->flinfo->fn_oid));
}

PGDLLEXPORT Datum atelier_system_identifier(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(psprintf(UINT64_FORMAT, GetSystemIdentifier())));
}

PGDLLEXPORT Datum atelier_file_store_directory(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(atelier::postgres::store_directory_path()));
}

PGDLLEXPORT Datum atelier_build_id(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const std::string_view id = atelier::core::build_id();
    PG_RETURN_TEXT_P(cstring_to_text_with_len(id.data(), static_cast<int>(id.size())));
}

PGDLLEXPORT Datum atelier_boot_clock(PG_FUNCTION_ARGS) {
    TupleDesc row;
    if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("boot_clock() returns a row")));
    }
    timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    Datum values[2] = {PointerGetDatum(atelier::postgres::boot_id()),
                       Float8GetDatum(static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9)};
    bool nulls[2] = {false, false};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

// A prepared transaction outlives its backend, whose number another one then gets: the worker, which waits for nobody,
// has a slot that no session ever had.
PGDLLEXPORT Datum atelier_own_slot(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    using namespace atelier::postgres;
    PG_RETURN_INT32(is_worker() ? -1 : compat::backend_number());
}

PGDLLEXPORT Datum atelier_run_by(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    if (atelier::postgres::is_worker()) PG_RETURN_TEXT_P(cstring_to_text("worker"));
    // pg_cron's background workers are told by their library; its sessions name themselves.
    const char* by = MyBgworkerEntry != nullptr ? MyBgworkerEntry->bgw_library_name : application_name;
    const bool pg_cron = by != nullptr && strcmp(by, "pg_cron") == 0;
    PG_RETURN_TEXT_P(cstring_to_text(pg_cron ? "pg_cron" : "session"));
}

}  // extern "C"
