#pragma once
// The worker: the background worker of one database. It pumps between the engine's SQL and the executor's socket, and
// waits at one point only (worker_loop.cpp). This header is its face towards the launcher.

#include "postgres/prelude.hpp"

namespace atelier::postgres {

// Fills in the registration of the worker of a database, for the slot at `position` and the incarnation `ticket`.
void describe_worker(BackgroundWorker& worker, int position, Oid database, std::uint64_t ticket);

// Whether this process is the worker of a database.
bool is_worker() noexcept;

}  // namespace atelier::postgres
