#pragma once
// A handler process: a background worker that runs functions of users, one call and one transaction at a time, for the
// worker of its database. It leaves when it had nothing to do for a minute.

#include "postgres/prelude.hpp"

namespace atelier::postgres {

// Fills in the registration of a process for a place of the database's slot at `position`.
void describe_handler(BackgroundWorker& worker, int position, int place, Oid database, std::uint64_t ticket);

}  // namespace atelier::postgres
