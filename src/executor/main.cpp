// pg_atelier_executor: started by a worker with the socket at 3 and a pipe for the last word at 4; see nanny.hpp.

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "executor/engine.hpp"
#include "executor/nanny.hpp"
#include "executor/process.hpp"

namespace {

using atelier::storage::UniqueFd;

// The engine ends before the processes of the database when memory is short, after its media children.
constexpr int engine_oom_score_adjustment = 500;

bool is_socket(int fd) {
    struct stat facts {};
    return ::fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

int engine_main() {
    atelier::executor::set_oom_score_adjustment(engine_oom_score_adjustment);
    atelier::executor::raise_descriptor_limit();
    // It will hold keys. Its files below /proc belong to root from now on.
    atelier::executor::keep_memory_private();
    sigset_t termination;
    ::sigemptyset(&termination);
    ::sigaddset(&termination, SIGTERM);
    UniqueFd termination_fd(::signalfd(-1, &termination, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!termination_fd) {
        std::perror("pg_atelier_executor: signalfd");
        return 1;
    }
    atelier::executor::Engine engine(UniqueFd(atelier::executor::worker_socket), std::move(termination_fd));
    return engine.run();
}

int guarded_engine_main() {
    try {
        return engine_main();
    } catch (const std::exception& exception) {
        std::fprintf(stderr, "pg_atelier_executor: %s\n", exception.what());
    }
    return 1;
}

}  // namespace

int main() {
    if (!is_socket(atelier::executor::worker_socket)) {
        std::fputs("pg_atelier_executor is started by the pg_atelier worker of a PostgreSQL database\n", stderr);
        return 1;
    }
    ::syscall(SYS_close_range, atelier::executor::last_word_pipe + 1, ~0U, 0);
    ::signal(SIGPIPE, SIG_IGN);
    // A file that may not grow is a write that fails.
    ::signal(SIGXFSZ, SIG_IGN);
    // Ignored, children would vanish unseen.
    ::signal(SIGCHLD, SIG_DFL);
    atelier::executor::forbid_core_files();
    return atelier::executor::run_under_nanny(guarded_engine_main);
}
