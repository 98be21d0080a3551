#include "executor/nanny.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace atelier::executor {
namespace {

sigset_t signals_of_nanny() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP})
        ::sigaddset(&set, signal);
    return set;
}

void tell_end_of_engine(int status) noexcept {
    char line[32];
    const bool by_signal = WIFSIGNALED(status);
    const int length = std::snprintf(line, sizeof line, "%s %d\n", by_signal ? "signal" : "exit",
                                     by_signal ? WTERMSIG(status) : WEXITSTATUS(status));
    // Nobody to hear it is no trouble of the nanny's.
    [[maybe_unused]] const ssize_t written = ::write(last_word_pipe, line, static_cast<std::size_t>(length));
    ::close(last_word_pipe);
}

// Takes every child that is done. False when there is none left at all.
bool reap(pid_t& engine) noexcept {
    for (;;) {
        int status = 0;
        const pid_t gone = ::waitpid(-1, &status, WNOHANG);
        if (gone == 0) return true;
        if (gone < 0) return errno == EINTR;
        if (gone == engine) {
            tell_end_of_engine(status);
            engine = -1;
        }
    }
}

[[noreturn]] void nanny(pid_t engine, const sigset_t& signals) noexcept {
    ::close(worker_socket);
    while (reap(engine)) {
        const int signal = ::sigwaitinfo(&signals, nullptr);
        // Any of the others means: come to an end.
        if (signal > 0 && signal != SIGCHLD && engine > 0) ::kill(engine, SIGTERM);
    }
    ::_exit(0);
}

}  // namespace

int run_under_nanny(const std::function<int()>& engine) {
    const sigset_t signals = signals_of_nanny();
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
        std::perror("pg_atelier_executor: fork");
        return 1;
    }
    if (child > 0) nanny(child, signals);

    ::close(last_word_pipe);
    // A nanny that is killed takes nobody along: the engine finishes what runs and goes.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) return 0;
    return engine();
}

}  // namespace atelier::executor
