// What SQL asks about providers: the options in force, where a key comes from, and who is asking. Declared in
// sql/engine/04_providers.sql. All locals are plain data: no guard is needed.

#include "postgres/prelude.hpp"
#include "postgres/provider_options.hpp"

namespace atelier::postgres {

namespace {

// nullptr: the list has no such option.
const char* option_value(List* options, const char* name) {
    ListCell* cell;
    foreach (cell, options) {
        DefElem* element = lfirst_node(DefElem, cell);
        if (strcmp(element->defname, name) == 0) return defGetString(element);
    }
    return nullptr;
}

struct Mapping {
    const char* role;  // nullptr: there is none
    List* options;
};

// The mapping of a server that the worker uses: atelier_owner's, else that of PUBLIC.
Mapping used_mapping(Oid server) {
    const Oid owner = get_role_oid("atelier_owner", true);
    const Oid roles[] = {owner, InvalidOid};
    for (const Oid role : roles) {
        HeapTuple tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server));
        if (!HeapTupleIsValid(tuple)) continue;
        bool is_null;
        const Datum texts = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &is_null);
        List* options = is_null ? NIL : untransformRelOptions(texts);
        ReleaseSysCache(tuple);
        return {role == InvalidOid ? "public" : "atelier_owner", options};
    }
    return {nullptr, NIL};
}

struct KeySource {
    const char* source;
    bool ready;
};

KeySource key_source(List* options) {
    if (option_value(options, "api_key_file") != nullptr) return {"file", true};
    if (option_value(options, "api_key") != nullptr) return {"mapping", true};
    const char* variable = option_value(options, "api_key_env");
    if (variable == nullptr) return {"missing", false};
    const char* value = getenv(variable);
    return {"environment", value != nullptr && value[0] != '\0'};
}

}  // namespace
}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_caller);
PG_FUNCTION_INFO_V1(atelier_provider_option);
PG_FUNCTION_INFO_V1(atelier_provider_key);

PGDLLEXPORT Datum atelier_caller(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    // REINDEX, ANALYZE or REFRESH run functions of a table's owner; the role outside is then not who is asking.
    if (InSecurityRestrictedOperation()) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("jobs cannot be created within a security-restricted operation"),
                        errhint("Create them in a statement of your own, not in an index expression or a view that is "
                                "being refreshed.")));
    }
    PG_RETURN_TEXT_P(cstring_to_text(GetUserNameFromId(GetOuterUserId(), false)));
}

PGDLLEXPORT Datum atelier_provider_option(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    const ForeignServer* server = GetForeignServerByName(text_to_cstring(PG_GETARG_TEXT_PP(0)), true);
    if (server == nullptr) PG_RETURN_NULL();
    const std::optional<ProviderKind> kind = provider_kind(GetForeignDataWrapper(server->fdwid)->fdwname);
    const char* name = text_to_cstring(PG_GETARG_TEXT_PP(1));
    const ProviderOption* option = kind ? find_provider_option(*kind, OptionPlace::server, name) : nullptr;
    if (option == nullptr) PG_RETURN_NULL();
    const char* value = option_value(server->options, name);
    if (value == nullptr) value = option->initial;
    if (value == nullptr) PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(value));
}

PGDLLEXPORT Datum atelier_provider_key(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    TupleDesc row;
    if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("provider_key() returns a row")));
    }
    const Mapping mapping = used_mapping(PG_GETARG_OID(0));
    const KeySource key = key_source(mapping.options);
    Datum values[3] = {CStringGetTextDatum(key.source), Datum{0}, BoolGetDatum(key.ready)};
    bool nulls[3] = {false, mapping.role == nullptr, false};
    if (mapping.role != nullptr) values[1] = CStringGetTextDatum(mapping.role);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

}  // extern "C"
