#pragma once
// One executor as a process: how it is started, killed, and how its end is learnt. It is two processes: the nanny, our
// child and leader of a session of its own, and the engine below it, whose pid the hello frame tells. The nanny writes
// how the engine ended ("exit 0", "signal 9") into a pipe.
// No PostgreSQL here.

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"

namespace atelier::postgres {

class ExecutorProcess {
  public:
    struct Started;

    // Starts `program` with an end of a new socket pair at fd 3, the pipe at fd 4, nothing else open but 0 to 2:
    // /dev/null and `log_file` (cut to nothing when it has grown over a megabyte).
    static core::Result<Started> start(const std::string& program, const std::string& log_file);

    ExecutorProcess(pid_t nanny, int pipe) noexcept : nanny_(nanny), pipe_(pipe) {}
    ~ExecutorProcess();
    ExecutorProcess(const ExecutorProcess&) = delete;
    ExecutorProcess& operator=(const ExecutorProcess&) = delete;

    pid_t nanny() const noexcept { return nanny_; }
    int pipe() const noexcept { return pipe_; }

    // What the nanny said of the engine's end; "" when the pipe was closed without a word; nullopt: nothing yet.
    std::optional<std::string> read_end();

    // SIGKILL for the engine, whose end the nanny then reports. `engine` 0: not known, the whole group goes.
    void kill_engine(pid_t engine) noexcept;
    void kill_group() noexcept;

    // True once the nanny has ended and is reaped.
    bool reap() noexcept;

  private:
    pid_t nanny_;
    int pipe_;
    bool reaped_ = false;
    std::string line_;
};

struct ExecutorProcess::Started {
    pid_t nanny;
    int pipe;
    int socket;
};

// Asks the executor that a hung worker has to leave: it takes no new order and lets paid calls end, whose answers the
// next executor finds in the spool. A pid that names no such group is left alone.
void dismiss_stray_executor(pid_t nanny) noexcept;

// Why the engine ended is nobody's fault in a job: SIGKILL, SIGTERM or status 0.
bool ended_blamelessly(const std::string& end) noexcept;

}  // namespace atelier::postgres
