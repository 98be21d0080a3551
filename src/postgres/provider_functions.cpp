// What SQL asks about providers and stores: the options in force, where a key comes from, and who is asking. Declared
// in sql/engine/04_providers.sql. All locals are plain data: no guard is needed.

#include "postgres/prelude.hpp"
#include "postgres/server_options.hpp"
#include "postgres/tenant_context.hpp"

namespace atelier::postgres {

namespace {

struct KeySource {
    const char* source;
    bool ready;
};

bool is_set(const char* variable) {
    const char* value = getenv(variable);
    return value != nullptr && value[0] != '\0';
}

KeySource provider_key_source(List* options) {
    if (option_value(options, "api_key_file") != nullptr) return {"file", true};
    if (option_value(options, "api_key") != nullptr) return {"mapping", true};
    const char* variable = option_value(options, "api_key_env");
    if (variable == nullptr) return {"missing", false};
    return {"environment", is_set(variable)};
}

KeySource store_key_source(List* options) {
    if (option_value(options, "credentials_file") != nullptr) return {"file", true};
    if (option_value(options, "access_key_id") != nullptr) return {"mapping", true};
    const char* prefix = option_value(options, "credentials_env");
    if (prefix == nullptr) return {"missing", false};
    return {"environment",
            is_set(psprintf("%s_ACCESS_KEY_ID", prefix)) && is_set(psprintf("%s_SECRET_ACCESS_KEY", prefix))};
}

// nullopt: the server is gone, or none of ours.
std::optional<ProviderKind> kind_of(Oid server) {
    const ForeignServer* found = GetForeignServerExtended(server, FSV_MISSING_OK);
    if (found == nullptr) return std::nullopt;
    return provider_kind(GetForeignDataWrapper(found->fdwid)->fdwname);
}

}  // namespace
}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_caller);
PG_FUNCTION_INFO_V1(atelier_provider_option);
PG_FUNCTION_INFO_V1(atelier_provider_key);

PGDLLEXPORT Datum atelier_caller(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const Oid caller = atelier::postgres::asking_role();
    if (!OidIsValid(caller)) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("jobs cannot be created within a security-restricted operation"),
                        errhint("Create them in a statement of your own, not in an index expression or a view that is "
                                "being refreshed.")));
    }
    PG_RETURN_TEXT_P(cstring_to_text(GetUserNameFromId(caller, false)));
}

PGDLLEXPORT Datum atelier_provider_option(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    const ForeignServer* server = GetForeignServerByName(text_to_cstring(PG_GETARG_TEXT_PP(0)), true);
    if (server == nullptr) PG_RETURN_NULL();
    const std::optional<ProviderKind> kind = provider_kind(GetForeignDataWrapper(server->fdwid)->fdwname);
    const char* name = text_to_cstring(PG_GETARG_TEXT_PP(1));
    if (!kind || find_provider_option(*kind, OptionPlace::server, name) == nullptr) PG_RETURN_NULL();
    const char* value = option_value(options_in_force(*kind, server->options), name);
    if (value == nullptr) PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(value));
}

PGDLLEXPORT Datum atelier_provider_key(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    TupleDesc row;
    if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("provider_key() returns a row")));
    }
    const Oid server = PG_GETARG_OID(0);
    const std::optional<ProviderKind> kind = kind_of(server);
    const ServerMapping mapping = kind ? used_mapping(server) : ServerMapping{nullptr, NIL};
    const KeySource key =
        kind == ProviderKind::s3 ? store_key_source(mapping.options) : provider_key_source(mapping.options);
    Datum values[3] = {CStringGetTextDatum(key.source), Datum{0}, BoolGetDatum(key.ready)};
    bool nulls[3] = {false, mapping.role == nullptr, false};
    if (mapping.role != nullptr) values[1] = CStringGetTextDatum(mapping.role);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

}  // extern "C"
