#pragma once
// How this worker's executor is started, from the settings.

#include "postgres/executor_link.hpp"

namespace atelier::postgres {

// Makes the store and spool directories as well. Throws PgError.
ExecutorPlan make_executor_plan();

}  // namespace atelier::postgres
