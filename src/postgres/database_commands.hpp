#pragma once
// A worker is a connection, and DROP DATABASE, ALTER DATABASE ... RENAME, ALTER DATABASE ... SET TABLESPACE and CREATE
// DATABASE ... TEMPLATE refuse a database with connections. A ProcessUtility hook stops the worker of the database
// first and holds the launcher back until the command's transaction ends, whichever way.

namespace atelier::postgres {

// From _PG_init, while preloading only.
void install_database_commands_hook();

// Lets the launcher start the workers again that this backend held back. Called at every transaction end; allocates and
// reports nothing.
void release_held_databases() noexcept;

}  // namespace atelier::postgres
