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

// The role in force outside of all SECURITY DEFINER functions may work for every client: a superuser, or a role with
// the privileges of atelier_admin. Never within REINDEX, ANALYZE or REFRESH, where that role is not who asks.
bool caller_is_operator();

// The same for reading, which atelier_observer may too, and only while no client is chosen.
bool caller_sees_all_clients();

}  // namespace atelier::postgres
