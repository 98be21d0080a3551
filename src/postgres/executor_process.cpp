#include "postgres/executor_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace atelier::postgres {

namespace {

constexpr int socket_at = 3;
constexpr int pipe_at = 4;
constexpr int above_targets = 10;  // our own ends must not lie where the child's are put
constexpr off_t log_bytes = off_t{1024} * 1024;

class Descriptor {
  public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

core::Error failure(const char* what, int error) {
    return {core::ErrorClass::worker_lost, std::string(what) + ": " + std::strerror(error)};
}

// The same open file at a number that no dup2 of the child overwrites.
int lift(int fd) noexcept {
    const int lifted = fcntl(fd, F_DUPFD_CLOEXEC, above_targets);
    close(fd);
    return lifted;
}

class SpawnPlan {
  public:
    SpawnPlan() {
        posix_spawn_file_actions_init(&actions_);
        posix_spawnattr_init(&attributes_);
    }
    ~SpawnPlan() {
        posix_spawn_file_actions_destroy(&actions_);
        posix_spawnattr_destroy(&attributes_);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;

    int prepare(const char* log_file, int socket, int pipe) noexcept {
        sigset_t all;
        sigset_t none;
        sigfillset(&all);
        sigemptyset(&none);
        const int results[] = {
            posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0),
            posix_spawn_file_actions_addopen(&actions_, 1, log_file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600),
            posix_spawn_file_actions_adddup2(&actions_, 1, 2),
            posix_spawn_file_actions_adddup2(&actions_, socket, socket_at),
            posix_spawn_file_actions_adddup2(&actions_, pipe, pipe_at),
            posix_spawn_file_actions_addclosefrom_np(&actions_, pipe_at + 1),
            // The postmaster signals process groups, and the worker's own signal state must not be inherited.
            posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK),
            posix_spawnattr_setsigdefault(&attributes_, &all),
            posix_spawnattr_setsigmask(&attributes_, &none),
        };
        for (const int result : results) {
            if (result != 0) return result;
        }
        return 0;
    }

    int spawn(pid_t& pid, const std::string& program) const noexcept {
        char name[] = "pg_atelier_executor";
        char language[] = "LANG=C.UTF-8";
        char path[] = "PATH=/usr/bin:/bin";
        char* const arguments[] = {name, nullptr};
        char* const environment[] = {language, path, nullptr};
        return posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments, environment);
    }

  private:
    posix_spawn_file_actions_t actions_;
    posix_spawnattr_t attributes_;
};

// The file, emptied if it has become too long; without one an executor works all the same.
const char* log_or_nowhere(const std::string& log_file) noexcept {
    const Descriptor log(
        open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    struct stat facts;
    if (log.get() < 0 || fstat(log.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return "/dev/null";
    if (facts.st_size > log_bytes && ftruncate(log.get(), 0) != 0) return "/dev/null";
    return log_file.c_str();
}

}  // namespace

core::Result<ExecutorProcess::Started> ExecutorProcess::start(const std::string& program, const std::string& log_file) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return failure("could not make a socket pair", errno);
    }
    Descriptor ours(lift(pair[0]));
    Descriptor theirs(lift(pair[1]));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return failure("could not make a pipe", errno);
    Descriptor reading(lift(ends[0]));
    Descriptor writing(lift(ends[1]));
    if (ours.get() < 0 || theirs.get() < 0 || reading.get() < 0 || writing.get() < 0) {
        return failure("no file descriptor is free", EMFILE);
    }
    SpawnPlan plan;
    if (const int error = plan.prepare(log_or_nowhere(log_file), theirs.get(), writing.get())) {
        return failure("could not prepare the executor's start", error);
    }
    pid_t pid = 0;
    if (const int error = plan.spawn(pid, program)) {
        return failure(("could not start \"" + program + "\"").c_str(), error);
    }
    return Started{pid, reading.release(), ours.release()};
}

ExecutorProcess::~ExecutorProcess() {
    close(pipe_);
}

std::optional<std::string> ExecutorProcess::read_end() {
    char buffer[64];
    for (;;) {
        const ssize_t got = read(pipe_, buffer, sizeof buffer);
        if (got > 0) {
            line_.append(buffer, static_cast<std::size_t>(got));
            const std::size_t newline = line_.find('\n');
            if (newline != std::string::npos) return line_.substr(0, newline);
            if (line_.size() > sizeof buffer) return line_;
        } else if (got == 0) {
            return line_;
        } else if (errno != EINTR) {
            return errno == EAGAIN ? std::nullopt : std::optional(line_);
        }
    }
}

void ExecutorProcess::kill_engine(pid_t engine) noexcept {
    if (reaped_) return;
    // The nanny stays: it takes in what the engine leaves behind, which must not become orphans of process 1.
    if (engine > 0 && engine != nanny_ && getpgid(engine) == nanny_) {
        kill(engine, SIGKILL);
    } else {
        kill_group();
    }
}

void ExecutorProcess::kill_group() noexcept {
    if (!reaped_) kill(-nanny_, SIGKILL);
}

bool ExecutorProcess::reap() noexcept {
    if (reaped_) return true;
    int status = 0;
    const pid_t pid = waitpid(nanny_, &status, WNOHANG);
    reaped_ = pid == nanny_ || (pid < 0 && errno == ECHILD);
    return reaped_;
}

void dismiss_stray_executor(pid_t nanny) noexcept {
    // The nanny passes it on to the engine.
    if (nanny > 1 && getpgid(nanny) == nanny) kill(nanny, SIGTERM);
}

bool ended_blamelessly(const std::string& end) noexcept {
    return end == "signal 9" || end == "signal 15" || end == "exit 0";
}

}  // namespace atelier::postgres
