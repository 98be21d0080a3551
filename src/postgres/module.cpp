// The library's door: PostgreSQL calls _PG_init when it loads it, in the postmaster (preloaded) or in a backend that
// calls the first function of ours.

#include "postgres/database_commands.hpp"
#include "postgres/launcher.hpp"
#include "postgres/prelude.hpp"
#include "postgres/settings.hpp"
#include "postgres/shared_memory.hpp"

extern "C" {

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
    using namespace atelier::postgres;
    settings::define();
    // pg_upgrade starts servers that must not run jobs.
    if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade) return;
    request_shared_memory();
    install_database_commands_hook();
    register_launcher();
}

}  // extern "C"
