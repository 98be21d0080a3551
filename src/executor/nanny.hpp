#pragma once
// The executor is two processes. Where PostgreSQL is process 1 of a container it adopts every orphan, and takes one
// that ended by a signal for a crashed backend. So the outer process, the nanny, adopts instead: it reads no foreign
// byte, passes SIGTERM on, waits for all, and ends with 0 whatever the engine did.

#include <functional>

namespace atelier::executor {

inline constexpr int worker_socket = 3;
inline constexpr int last_word_pipe = 4;

// Runs `engine` in a child process and returns its status there. In the nanny it does not return: when the engine is
// gone, one line goes to last_word_pipe ("exit 0", "signal 9"); when its descendants are gone too, it exits with 0.
int run_under_nanny(const std::function<int()>& engine);

}  // namespace atelier::executor
