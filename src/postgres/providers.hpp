#pragma once
// What the executor is told of the world: the hosts that users may have called, and the configured providers and
// stores, from the catalog to the frame: the foreign servers of the extension's wrappers, each with the user mapping of
// atelier_owner or else of PUBLIC.

#include "postgres/prelude.hpp"

namespace atelier::postgres::providers {

// Registers for the changes of servers, wrappers and mappings. Once, before the first changed().
void watch();

// Whether a change was committed since the last read(), by anybody, or a list of hosts was set anew. Inside a
// transaction. Throws PgError.
bool changed();

// The payload of the frame `providers` (wire/frame.hpp). It holds keys: to be wiped after use. Inside a transaction.
// Throws PgError.
std::string read();

}  // namespace atelier::postgres::providers
