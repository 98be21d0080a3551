#include "executor/media_spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "executor/outcome.hpp"
#include "executor/process.hpp"

namespace atelier::executor {
namespace {

constexpr int first_input = 4;
constexpr std::size_t max_inputs = 16;
// Above every number that a descriptor of the child can get.
constexpr int parking_place = 128;

// What follows runs between fork and exec: no allocation, no exception, every failure ends the child.

[[noreturn]] void give_up() noexcept {
    ::_exit(cannot_execute_status);
}

void limit(int resource, rlim_t soft, rlim_t hard) noexcept {
    const rlimit value{soft, hard};
    if (::setrlimit(static_cast<__rlimit_resource>(resource), &value) != 0) give_up();
}

void limit_resources() noexcept {
    constexpr rlim_t seconds = max_processor_time.count() / 1000;
    if (limit_address_space) limit(RLIMIT_AS, rlim_t{2} << 30, rlim_t{2} << 30);
    // SIGXCPU first, which tells why; SIGKILL a second later to one that ignores it.
    limit(RLIMIT_CPU, seconds, seconds + 1);
    limit(RLIMIT_FSIZE, max_output_bytes, max_output_bytes);
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_NOFILE, 64, 64);
}

void reset_signals() noexcept {
    for (int signal = 1; signal < NSIG; ++signal) {
        if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void die_with(pid_t parent) noexcept {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up();
    // The parent may have died before that call.
    if (::getppid() != parent) give_up();
}

int park(int fd) noexcept {
    const int parked = ::fcntl(fd, F_DUPFD_CLOEXEC, parking_place);
    if (parked < 0) give_up();
    return parked;
}

void place(int parked, int target) noexcept {
    if (::dup2(parked, target) < 0) give_up();
}

// The sources may have numbers that are targets of others: all are parked first.
void arrange_descriptors(const MediaLaunch& launch) noexcept {
    std::array<int, max_inputs> inputs{};
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) give_up();
    const int parked_null = park(null);
    const int order = park(launch.order);
    const int report = park(launch.report);
    const int output = launch.output < 0 ? -1 : park(launch.output);
    for (std::size_t i = 0; i < launch.inputs.size(); ++i)
        inputs[i] = park(launch.inputs[i]);

    place(order, 0);
    place(report, 1);
    place(parked_null, 2);
    if (output >= 0) {
        place(output, 3);
    } else {
        ::close(3);
    }
    for (std::size_t i = 0; i < launch.inputs.size(); ++i)
        place(inputs[i], first_input + static_cast<int>(i));
    const auto first_unused = static_cast<unsigned>(first_input) + static_cast<unsigned>(launch.inputs.size());
    if (::syscall(SYS_close_range, first_unused, ~0U, 0) != 0) give_up();
}

[[noreturn]] void become_media(const MediaLaunch& launch, pid_t parent) noexcept {
    die_with(parent);
    ::setsid();
    // The file below /proc is ours to write only while the memory is not private.
    ::prctl(PR_SET_DUMPABLE, 1);
    set_oom_score_adjustment(1000);
    ::prctl(PR_SET_DUMPABLE, 0);
    reset_signals();
    arrange_descriptors(launch);
    ::umask(077);
    if (::chdir("/") != 0) give_up();
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up();
    limit_resources();
    // execve() takes pointers to char for the sake of old C, and changes nothing.
    char* const arguments[] = {const_cast<char*>("pg_atelier_media"), const_cast<char*>(launch.mode.c_str()), nullptr};
    char* const environment[] = {nullptr};
    ::execve(launch.program.c_str(), arguments, environment);
    give_up();
}

}  // namespace

core::Result<pid_t> spawn_media(const MediaLaunch& launch) {
    if (launch.inputs.size() > max_inputs) {
        return core::Error{core::ErrorClass::invalid_request, "too many inputs for one media child"};
    }
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) become_media(launch, parent);
    if (child < 0) {
        return core::Error{core::ErrorClass::overloaded,
                           "the media program cannot be started: " + std::generic_category().message(errno)};
    }
    return child;
}

}  // namespace atelier::executor
