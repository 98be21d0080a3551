#pragma once
// One call of a function of users in its handler process: in one transaction the lease is looked at, the function runs
// as its role, and its job goes on.

#include "postgres/handler_slot.hpp"
#include "postgres/prelude.hpp"

namespace atelier::postgres {

struct CallReport {
    CallEnd end = CallEnd::none;
    std::string message;          // storable text
    bool extension_gone = false;  // or created anew: this process can do nothing more
};

// Never throws; ends the process where the function does not obey its timer. The session is clean afterwards, as after
// DISCARD ALL, but for its plans.
CallReport run_call(Oid extension, const HandlerCallOrder& order);

}  // namespace atelier::postgres
