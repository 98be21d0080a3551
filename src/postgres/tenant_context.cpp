// The tenant context and what policies ask of it. Declared in sql/engine/02_tenant_context.sql. All locals are plain
// data: no guard is needed.

#include "postgres/tenant_context.hpp"

namespace atelier::postgres {

namespace {

// A function of users that runs now.
struct HandlerScope {
    bool active;
    bool foreign_command;
    SubTransactionId since;
    SubTransactionId foreign_since;
    Oid role;
    TenantContext outer;
};

TenantContext context;
HandlerScope handler;

void forget_at_end(XactEvent event, void* /*argument*/) {
    switch (event) {
        case XACT_EVENT_COMMIT:
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PREPARE:
        case XACT_EVENT_PARALLEL_COMMIT:
        case XACT_EVENT_PARALLEL_ABORT:
            context = {};
            handler = {};
            break;
        default:
            break;
    }
}

void follow_handler(SubXactEvent event, SubTransactionId mine) {
    if (!handler.active || event != SUBXACT_EVENT_ABORT_SUB) return;
    if (handler.since >= mine) {
        context = handler.outer;
        handler = {};
    } else if (handler.foreign_since >= mine) {
        handler.foreign_command = false;
    }
}

void follow_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void* /*argument*/) {
    follow_handler(event, mine);
    if (!context.set || context.since != mine) return;
    if (event == SUBXACT_EVENT_ABORT_SUB) context = {};
    if (event == SUBXACT_EVENT_COMMIT_SUB) context.since = parent;
}

void watch_transactions() {
    static bool watching = false;
    if (watching) return;
    RegisterXactCallback(forget_at_end, nullptr);
    RegisterSubXactCallback(follow_subtransaction, nullptr);
    watching = true;
}

bool same(const pg_uuid_t& left, const pg_uuid_t& right) {
    return memcmp(left.data, right.data, UUID_LEN) == 0;
}

bool has_privileges_of(Oid role, const char* of) {
    const Oid wanted = get_role_oid(of, true);
    return OidIsValid(wanted) && has_privs_of_role(role, wanted);
}

}  // namespace

const TenantContext& tenant_context() noexcept {
    return context;
}

void enter_handler_scope(Oid role, const pg_uuid_t* client) {
    if (handler.active) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("a function of a pipeline cannot run those of others"),
                        errhint("Let the pipeline's next step do it, or a job that this one enqueues.")));
    }
    watch_transactions();
    handler = {true, false, GetCurrentSubTransactionId(), InvalidSubTransactionId, role, context};
    context = {};
    if (client == nullptr) return;
    context.set = true;
    context.since = handler.since;
    context.client = *client;
}

void leave_handler_scope() noexcept {
    context = handler.outer;
    handler = {};
}

bool in_handler_scope() noexcept {
    return handler.active;
}

bool set_foreign_command(bool foreign) noexcept {
    handler.foreign_since = GetCurrentSubTransactionId();
    return std::exchange(handler.foreign_command, foreign);
}

Oid asking_role() {
    // The whole function is a restricted operation; PostgreSQL does not tell another one inside it.
    if (handler.active) return handler.foreign_command ? InvalidOid : handler.role;
    return InSecurityRestrictedOperation() ? InvalidOid : GetOuterUserId();
}

bool caller_is_operator() {
    const Oid caller = asking_role();
    if (!OidIsValid(caller)) return false;
    return has_privileges_of(caller, "atelier_admin") || has_privileges_of(caller, "atelier_owner");
}

bool caller_sees_all_clients() {
    const Oid caller = asking_role();
    if (context.set || !OidIsValid(caller)) return false;
    return caller_is_operator() || has_privileges_of(caller, "atelier_observer");
}

}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_enter_context);
PG_FUNCTION_INFO_V1(atelier_current_client_id);
PG_FUNCTION_INFO_V1(atelier_current_user_id);
PG_FUNCTION_INFO_V1(atelier_is_operator);
PG_FUNCTION_INFO_V1(atelier_sees_all_clients);
PG_FUNCTION_INFO_V1(atelier_refuse_viewer);

PGDLLEXPORT Datum atelier_enter_context(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    TenantContext wanted{};
    wanted.set = true;
    wanted.since = GetCurrentSubTransactionId();
    wanted.client = *PG_GETARG_UUID_P(0);
    wanted.has_user = !PG_ARGISNULL(1);
    if (wanted.has_user) wanted.user = *PG_GETARG_UUID_P(1);
    wanted.viewer = PG_GETARG_BOOL(2);
    if (!context.set) {
        watch_transactions();
        context = wanted;
    } else if (!same(context.client, wanted.client) || context.has_user != wanted.has_user ||
               !same(context.user, wanted.user)) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("this transaction works for another client or user already"),
                        errhint("The context ends with the transaction: begin a new one.")));
    }
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum atelier_current_client_id(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const auto& context = atelier::postgres::tenant_context();
    if (!context.set) PG_RETURN_NULL();
    pg_uuid_t* client = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
    *client = context.client;
    PG_RETURN_UUID_P(client);
}

PGDLLEXPORT Datum atelier_current_user_id(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const auto& context = atelier::postgres::tenant_context();
    if (!context.set || !context.has_user) PG_RETURN_NULL();
    pg_uuid_t* user = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
    *user = context.user;
    PG_RETURN_UUID_P(user);
}

PGDLLEXPORT Datum atelier_is_operator(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_BOOL(atelier::postgres::caller_is_operator());
}

PGDLLEXPORT Datum atelier_sees_all_clients(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_BOOL(atelier::postgres::caller_sees_all_clients());
}

PGDLLEXPORT Datum atelier_refuse_viewer(PG_FUNCTION_ARGS) {
    if (!CALLED_AS_TRIGGER(fcinfo)) elog(ERROR, "not called by a trigger");
    if (atelier::postgres::tenant_context().viewer) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("a viewer cannot change anything"),
                        errhint("Somebody who is owner or admin of the client can give the user another role: "
                                "atelier.set_member().")));
    }
    return PointerGetDatum(nullptr);
}

}  // extern "C"
