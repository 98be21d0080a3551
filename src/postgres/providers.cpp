#include "postgres/providers.hpp"

#include "postgres/guard.hpp"
#include "postgres/provider_options.hpp"

namespace atelier::postgres::providers {

namespace {

bool dirty = true;

void on_change(Datum, int, std::uint32_t) {
    dirty = true;
}

// In the memory of the transaction.
struct Server {
    const char* name;
    const char* wrapper;
    List* options;  // of DefElem
    bool is_mapped;
    List* mapping;
};

struct Servers {
    Server* items;
    int count;
};

// The wrapper's name; nullptr when it is not one of ours.
const char* name_of_own_wrapper(Oid wrapper, Oid extension) {
    if (getExtensionOfObject(ForeignDataWrapperRelationId, wrapper) != extension) return nullptr;
    return GetForeignDataWrapper(wrapper)->fdwname;
}

void find_mapping(Oid server_oid, Oid owner, Server& server) {
    HeapTuple row = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(owner), ObjectIdGetDatum(server_oid));
    if (!HeapTupleIsValid(row)) {
        row = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server_oid));
    }
    server.is_mapped = HeapTupleIsValid(row);
    if (!server.is_mapped) return;
    bool is_null = false;
    const Datum options = SysCacheGetAttr(USERMAPPINGUSERSERVER, row, Anum_pg_user_mapping_umoptions, &is_null);
    server.mapping = is_null ? NIL : untransformRelOptions(options);
    ReleaseSysCache(row);
}

void find_servers(Servers& found) {
    const Oid extension = get_extension_oid("pg_atelier", false);
    const Oid owner = get_role_oid("atelier_owner", false);
    // A server whose commit is visible may not have been announced yet.
    InvalidateCatalogSnapshot();
    Relation relation = table_open(ForeignServerRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    int room = 16;
    found.items = static_cast<Server*>(palloc(sizeof(Server) * room));
    for (HeapTuple row; (row = heap_getnext(scan, ForwardScanDirection)) != nullptr;) {
        const Form_pg_foreign_server form = reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(row));
        const char* wrapper = name_of_own_wrapper(form->srvfdw, extension);
        if (wrapper == nullptr) continue;
        if (found.count == room) {
            room *= 2;
            found.items = static_cast<Server*>(repalloc(found.items, sizeof(Server) * room));
        }
        Server& server = found.items[found.count++];
        server = {pstrdup(NameStr(form->srvname)), wrapper, NIL, false, NIL};
        bool is_null = false;
        const Datum options =
            heap_getattr(row, Anum_pg_foreign_server_srvoptions, RelationGetDescr(relation), &is_null);
        if (!is_null) server.options = untransformRelOptions(options);
        find_mapping(form->oid, owner, server);
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
}

// nullptr: not set.
char* option(List* options, std::string_view name) {
    ListCell* cell;
    foreach (cell, options) {
        const DefElem* element = lfirst_node(DefElem, cell);
        if (name == element->defname && element->arg != nullptr) return strVal(element->arg);
    }
    return nullptr;
}

// What is set, or what holds where nothing is; nullptr where the kind has no such option.
const char* setting(const Server& server, ProviderKind kind, const char* name) {
    const ProviderOption* known = find_provider_option(kind, OptionPlace::server, name);
    if (known == nullptr) return nullptr;
    const char* set = option(server.options, name);
    return set != nullptr && known->is_valid(set) ? set : known->initial;
}

std::int64_t milliseconds(const Server& server, ProviderKind kind, const char* name) {
    const char* text = setting(server, kind, name);
    return text == nullptr ? 0 : provider_duration_ms(text).value_or(0);
}

void add_environment_key(core::Json& provider, ProviderKind kind, const char* variable) {
    const char* value = getenv(variable);
    const ProviderOption* rule = find_provider_option(kind, OptionPlace::user_mapping, "api_key");
    if (value == nullptr || *value == '\0') {
        provider["key_error"] = std::string("environment variable ") + variable + " is not set";
    } else if (rule != nullptr && !rule->is_valid(value)) {
        provider["key_error"] = std::string("environment variable ") + variable + " does not hold a key";
    } else {
        provider["api_key"] = value;
    }
}

void add_key(core::Json& provider, ProviderKind kind, const Server& server) {
    if (!server.is_mapped) {
        provider["key_error"] = "the server has no user mapping for atelier_owner or PUBLIC";
    } else if (char* key = option(server.mapping, "api_key")) {
        provider["api_key"] = key;
        explicit_bzero(key, std::strlen(key));
    } else if (const char* file = option(server.mapping, "api_key_file")) {
        provider["api_key_file"] = file;
    } else if (const char* variable = option(server.mapping, "api_key_env")) {
        add_environment_key(provider, kind, variable);
    } else {
        provider["key_error"] = "the user mapping of the server names no key";
    }
}

core::Json describe(const Server& server, ProviderKind kind) {
    core::Json provider = {{"name", server.name},
                           {"kind", to_string(kind)},
                           {"base_url", setting(server, kind, "base_url")},
                           {"connect_timeout_ms", milliseconds(server, kind, "connect_timeout")},
                           {"progress_timeout_ms", milliseconds(server, kind, "progress_timeout")}};
    if (const char* version = setting(server, kind, "api_version")) provider["api_version"] = version;
    add_key(provider, kind, server);
    return provider;
}

}  // namespace

void watch() {
    call_postgres([] {
        for (const int cache : {FOREIGNSERVEROID, FOREIGNDATAWRAPPEROID, USERMAPPINGOID})
            CacheRegisterSyscacheCallback(cache, on_change, Datum{0});
    });
}

bool changed() {
    call_postgres([] { AcceptInvalidationMessages(); });
    return dirty;
}

std::string read() {
    // First, so that a change in between is one more reason to read again.
    dirty = false;
    Servers found{nullptr, 0};
    call_postgres(find_servers, found);
    core::Json list = core::Json::array();
    for (int i = 0; i < found.count; ++i) {
        if (const auto kind = provider_kind(found.items[i].wrapper)) list.push_back(describe(found.items[i], *kind));
    }
    core::Json frame = {{"providers", std::move(list)}};
    std::string payload = core::write_json(frame);
    for (core::Json& provider : frame["providers"]) {
        const auto key = provider.find("api_key");
        if (key != provider.end()) core::wipe(*key->get_ptr<std::string*>());
    }
    return payload;
}

}  // namespace atelier::postgres::providers
