#pragma once
// What the executor is told of a foreign server: a member of a list in the frame `providers` (wire/frame.hpp). Nothing
// here calls a function of PostgreSQL that may ereport.

#include "core/aws_credentials.hpp"
#include "postgres/prelude.hpp"
#include "postgres/server_options.hpp"

namespace atelier::postgres {

// In the memory of the transaction.
struct Server {
    const char* name;
    ProviderKind kind;
    List* options;  // those in force
    ServerMapping mapping;
};

// Holds secrets, which were taken from the server's mapping: there they are overwritten.
core::Json describe(const Server& server);

// Overwrites what describe() has put into it.
void wipe_secrets(core::Json& description) noexcept;

// The credentials in the environment variables <prefix>_ACCESS_KEY_ID, <prefix>_SECRET_ACCESS_KEY and, if it is set,
// <prefix>_SESSION_TOKEN of this process. Class auth when one is missing or malformed; it is named, not quoted.
core::Result<core::AwsCredentials> environment_credentials(const std::string& prefix);

}  // namespace atelier::postgres
