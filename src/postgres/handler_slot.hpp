#pragma once
// What worker and handler processes share: for each database a few slots, each of one process and one call of a
// function of users. The lock of the database's slot guards them. Who writes what: the worker starts a process and
// gives it a call, the process says how the call ended, the worker takes that away. What the worker or a database
// command asks of a process stands in `leave` and `stop`; the process looks at both while a function runs.

#include "postgres/prelude.hpp"

namespace atelier::postgres {

inline constexpr int max_handlers = 16;
inline constexpr int handler_message_bytes = 1024;

enum class HandlerPhase : std::int32_t {
    none,
    starting,  // registered by the worker, not yet running
    ready,
    failed,  // it ended before it was ready
};

enum class CallPhase : std::int32_t {
    none,
    given,  // not begun
    running,
    ended,
};

enum class CallEnd : std::int32_t {
    none,
    succeeded,   // what it did is committed, and its job has gone on
    void_lease,  // the lease is not in force, or its job is locked by somebody: nothing was done
    failed,
    timed_out,
    cancelled,
    given_back,  // it did not begin, or was stopped without its fault
    lost,        // the process ended under it
};

// Why a call is to end before its time.
enum class CallStop : std::int32_t { none, cancelled, stopped };

struct HandlerCallOrder {
    std::int64_t epoch;
    std::int64_t attempt;
    std::int64_t token;
    pg_uuid_t job;
    std::int32_t timeout_ms;
};

struct HandlerSlot {
    HandlerPhase phase;
    std::uint64_t ticket;  // identity of the process; one with another ticket leaves
    pid_t pid;             // 0: none
    Latch* latch;
    std::int32_t calls;  // that it began
    std::int32_t lane;   // of its calls, which are all of one role; 0: it had none yet
    bool leave;          // when it has nothing to do

    CallPhase call;
    CallStop stop;
    HandlerCallOrder order;
    TimestampTz since;  // of the process or, when there is one, of the call

    // Of a call that ended.
    CallEnd end;
    std::int32_t duration_ms;
    char message[handler_message_bytes];
};

// A slot that nothing is in.
inline void clear_handler(HandlerSlot& slot) noexcept {
    std::memset(static_cast<void*>(&slot), 0, sizeof slot);
}

}  // namespace atelier::postgres
