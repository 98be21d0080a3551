#include "postgres/identity.hpp"

#include "postgres/settings.hpp"

namespace atelier::postgres {

namespace {

bool is_set(const char* setting) {
    return setting != nullptr && setting[0] != '\0';
}

char* below_data_directory(const char* leaf) {
    return psprintf("%s/pg_atelier/%u/%s", DataDir, MyDatabaseId, leaf);
}

}  // namespace

char* store_directory_path() {
    const char* setting = settings::store_directory;
    return is_set(setting) ? pstrdup(setting) : below_data_directory("store");
}

char* spool_directory_path() {
    const char* setting = settings::spool_directory;
    if (!is_set(setting)) return below_data_directory("spool");
    // Whoever reads a spool drops from it what its own database knows nothing of.
    return psprintf("%s/" UINT64_FORMAT "-%u", setting, GetSystemIdentifier(), MyDatabaseId);
}

char* program_path(const char* program) {
    const char* directory = settings::program_directory;
    return psprintf("%s/%s", directory != nullptr && directory[0] != '\0' ? directory : pkglib_path, program);
}

std::int64_t instance_id(Oid installation) {
    static std::int64_t known = 0;
    static Oid known_for = InvalidOid;
    if (known_for == installation) return known;
    const char* text = psprintf(UINT64_FORMAT "/%u/%u", GetSystemIdentifier(), MyDatabaseId, installation);
    const Datum bytes = PointerGetDatum(cstring_to_text(text));  // text and bytea share their form
    const bytea* hash = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, bytes));
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i)
        value = value << 8 | static_cast<unsigned char>(VARDATA_ANY(hash)[i]);
    known = static_cast<std::int64_t>(value);
    known_for = installation;
    return known;
}

std::int64_t random_positive() {
    std::uint64_t bits = 0;
    do {
        if (!pg_strong_random(&bits, sizeof bits)) {
            ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not draw random bits")));
        }
        bits >>= 1;
    } while (bits == 0);
    return static_cast<std::int64_t>(bits);
}

}  // namespace atelier::postgres
