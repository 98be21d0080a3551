#include "postgres/providers.hpp"

#include "postgres/guard.hpp"
#include "postgres/server_description.hpp"
#include "postgres/settings.hpp"

namespace atelier::postgres::providers {

namespace {

bool dirty = true;
std::string told_hosts;
std::string told_private_hosts;

void on_change(Datum, int, std::uint32_t) {
    dirty = true;
}

struct Servers {
    Server* items;
    int count;
};

// nullopt when the wrapper is not one of ours.
std::optional<ProviderKind> kind_of_own_wrapper(Oid wrapper, Oid extension) {
    if (getExtensionOfObject(ForeignDataWrapperRelationId, wrapper) != extension) return std::nullopt;
    return provider_kind(GetForeignDataWrapper(wrapper)->fdwname);
}

void find_servers(Servers& found) {
    const Oid extension = get_extension_oid("pg_atelier", false);
    // A server whose commit is visible may not have been announced yet.
    InvalidateCatalogSnapshot();
    Relation relation = table_open(ForeignServerRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    int room = 16;
    found.items = static_cast<Server*>(palloc(sizeof(Server) * room));
    for (HeapTuple row; (row = heap_getnext(scan, ForwardScanDirection)) != nullptr;) {
        const Form_pg_foreign_server form = reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(row));
        const std::optional<ProviderKind> kind = kind_of_own_wrapper(form->srvfdw, extension);
        if (!kind) continue;
        if (found.count == room) {
            room *= 2;
            found.items = static_cast<Server*>(repalloc(found.items, sizeof(Server) * room));
        }
        bool is_null = false;
        const Datum texts = heap_getattr(row, Anum_pg_foreign_server_srvoptions, RelationGetDescr(relation), &is_null);
        List* options = options_in_force(*kind, is_null ? NIL : untransformRelOptions(texts));
        found.items[found.count++] = {pstrdup(NameStr(form->srvname)), *kind, options, used_mapping(form->oid)};
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
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
    return dirty || told_hosts != settings::http_hosts || told_private_hosts != settings::http_private_hosts;
}

namespace {

const char* list_of(ProviderKind kind) noexcept {
    if (kind == ProviderKind::s3) return "stores";
    return kind == ProviderKind::unsplash ? "photo_libraries" : "providers";
}

}  // namespace

std::string read() {
    // First, so that a change in between is one more reason to read again.
    dirty = false;
    Servers found{nullptr, 0};
    call_postgres(find_servers, found);
    told_hosts = settings::http_hosts;
    told_private_hosts = settings::http_private_hosts;
    core::Json frame = {
        {"providers", core::Json::array()}, {"stores", core::Json::array()}, {"photo_libraries", core::Json::array()}};
    for (int i = 0; i < found.count; ++i) {
        const Server& server = found.items[i];
        frame[list_of(server.kind)].push_back(describe(server));
    }
    frame["http"] = {{"hosts", told_hosts}, {"private_hosts", told_private_hosts}};
    std::string payload = core::write_json(frame);
    for (const char* name : {"providers", "stores", "photo_libraries"}) {
        for (core::Json& server : frame[name])
            wipe_secrets(server);
    }
    return payload;
}

}  // namespace atelier::postgres::providers
