#pragma once
// What ends a function of users before it ends by itself: its time is over, its job was cancelled, its process is to
// leave. A timer of the process looks every tenth of a second; nothing that SQL can do switches it off. First the
// statement is cancelled. Whoever goes on in spite of that is ended with the process.

#include "postgres/handler_slot.hpp"
#include "postgres/prelude.hpp"

namespace atelier::postgres::handler_timer {

// Once, after the connection. `slot` is where others ask for an early end.
void prepare(HandlerSlot& slot);

// From now on, for `timeout_ms`.
void start(std::int32_t timeout_ms);
// The function has ended in time, or did not and was told so. May be called twice.
void stop() noexcept;

// How the call ends by the timer; CallEnd::none: not by it.
CallEnd verdict() noexcept;

}  // namespace atelier::postgres::handler_timer
