#pragma once
// The settings pg_atelier.*: defined by every process that loads the library, preloaded or not. The values stand in
// plain variables, as PostgreSQL's GUC machinery wants them; read them only through this header.

namespace atelier::postgres::settings {

// Defines all of them and reserves the prefix. From _PG_init.
void define();

// Read by worker and launcher.
extern int poll_interval_ms;
extern int shutdown_wait_ms;
extern int drain_timeout_ms;
extern int spool_limit_kb;
extern int max_in_flight;
extern int turn_limit;
extern int media_children;
extern int priority_aging_ms;  // 0: a priority is never outwaited
extern int handlers;           // processes that run functions of users, at most
extern int handler_timeout_ms;
extern char* http_hosts;          // '' = none; see the address list in core
extern char* http_private_hosts;  // '' = none
extern char* program_directory;   // '' = pkglibdir
extern char* store_directory;     // '' = below the data directory
extern char* spool_directory;     // '' = below the data directory

}  // namespace atelier::postgres::settings
