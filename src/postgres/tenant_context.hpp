#pragma once

#include "postgres/prelude.hpp"

namespace atelier::postgres {

// For whom the current transaction works: one client, and who of its people asks. Set at most once a transaction,
// forgotten at its end and when the subtransaction that set it is rolled back. It is no setting: those anybody can SET.
struct TenantContext {
    bool set;
    bool has_user;
    bool viewer;
    SubTransactionId since;
    pg_uuid_t client;
    pg_uuid_t user;
};

const TenantContext& tenant_context() noexcept;

// A function of users begins, as `role` and for `client` (nullptr: for nobody yet), whatever the transaction worked for
// before: that comes back with leave_handler_scope(), and with the end of the subtransaction that fails inside.
// 55000 within another one.
void enter_handler_scope(Oid role, const pg_uuid_t* client);
void leave_handler_scope() noexcept;
bool in_handler_scope() noexcept;
// Begins and ends a command of the function in which PostgreSQL calls functions of somebody else, as REINDEX does.
// Returns what it was before.
bool set_foreign_command(bool foreign) noexcept;

// Who asks: the role in force outside of all SECURITY DEFINER functions, within a function of a pipeline the role that
// it runs as. InvalidOid within REINDEX, ANALYZE or REFRESH, where that role is not who asks.
Oid asking_role();

// The role that asks may work for every client: a superuser, or a role with the privileges of atelier_admin.
bool caller_is_operator();

// The same for reading, which atelier_observer may too, and only while no client is chosen.
bool caller_sees_all_clients();

}  // namespace atelier::postgres
