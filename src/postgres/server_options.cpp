#include "postgres/server_options.hpp"

#include "postgres/store_options.hpp"

namespace atelier::postgres {

namespace {

List* with_option(List* options, const char* name, const char* value) {
    return lappend(options, makeDefElem(pstrdup(name), reinterpret_cast<Node*>(makeString(pstrdup(value))), -1));
}

List* with_store_defaults(List* options, bool has_endpoint) {
    if (!has_endpoint) {
        options =
            with_option(options, "endpoint", psprintf("https://s3.%s.amazonaws.com", option_value(options, "region")));
    }
    if (option_value(options, "path_style") != nullptr) return options;
    const bool by_path = is_path_style(nullptr, has_endpoint, option_value(options, "bucket"));
    return with_option(options, "path_style", by_path ? "true" : "false");
}

}  // namespace

char* option_value(List* options, const char* name) noexcept {
    ListCell* cell;
    foreach (cell, options) {
        const DefElem* element = static_cast<const DefElem*>(lfirst(cell));
        if (strcmp(element->defname, name) == 0 && element->arg != nullptr) return strVal(element->arg);
    }
    return nullptr;
}

List* options_in_force(ProviderKind kind, List* options) {
    const bool has_endpoint = option_value(options, "endpoint") != nullptr;
    List* all = list_copy(options);
    for (const ProviderOption& option : provider_options(kind)) {
        if (option.place != OptionPlace::server || option.initial == nullptr) continue;
        if (option_value(options, option.name) == nullptr) all = with_option(all, option.name, option.initial);
    }
    return kind == ProviderKind::s3 ? with_store_defaults(all, has_endpoint) : all;
}

ServerMapping used_mapping(Oid server) {
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

}  // namespace atelier::postgres
