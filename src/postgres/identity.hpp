#pragma once
// Where this database stands and what makes it itself. Results are palloc'd in the current context; errors are
// ereports.

#include "postgres/prelude.hpp"

namespace atelier::postgres {

// Absolute directory of the store "file": the setting, or pg_atelier/<database oid>/store below the data directory.
char* store_directory_path();
// That of the spool of executors: <system identifier>-<database oid> in the directory that the setting names, or
// pg_atelier/<database oid>/spool below the data directory.
char* spool_directory_path();
// Absolute path of one of our programs.
char* program_path(const char* program);

// First 64 bits of sha256("<system identifier>/<database oid>/<installation>"). `installation` is an oid that every
// CREATE EXTENSION draws anew, so that rows restored into the database they were dumped from are foreign too.
std::int64_t instance_id(Oid installation);

// A positive number from a strong source.
std::int64_t random_positive();

}  // namespace atelier::postgres
