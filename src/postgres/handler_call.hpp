#pragma once
// One call of a function of users: as their role, under SECURITY_RESTRICTED_OPERATION, for the client of the job, with
// settings of its own. All three are as before when it returns or raises an error that a subtransaction catches.
// Everything here may ereport.

#include "postgres/prelude.hpp"

namespace atelier::postgres {

struct HandlerCall {
    text* function;           // qualified name, quoted where it must be; without arguments
    const char* run_as;       // role; 42501 for a superuser
    const pg_uuid_t* client;  // nullptr: none
    Datum argument;           // jsonb
};

// The function's jsonb, in the current memory context. False: null, or the function returns void.
bool call_handler(const HandlerCall& call, Datum* result);

}  // namespace atelier::postgres
