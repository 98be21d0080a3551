#include "executor/media_run.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "executor/media_spawn.hpp"
#include "executor/sealed_file.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::UniqueFd;

Error cannot_start(int error_number) {
    return {ErrorClass::overloaded,
            "the media program cannot be started: " + std::generic_category().message(error_number)};
}

core::Milliseconds processor_time(const rusage& usage) {
    const auto milliseconds = [](const timeval& time) { return time.tv_sec * 1000 + time.tv_usec / 1000; };
    return core::Milliseconds{milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime)};
}

const char* word_of(MediaMode mode) {
    switch (mode) {
        case MediaMode::compose:
            return "compose";
        case MediaMode::inspect:
            return "inspect";
        case MediaMode::measure:
            break;
    }
    return "measure";
}

}  // namespace

Result<std::unique_ptr<MediaRun>> MediaRun::start(EventLoop& loop, const std::string& program, MediaTask task,
                                                  Done done) {
    std::unique_ptr<MediaRun> run(new MediaRun(loop, std::move(task.inputs), std::move(done)));
    if (auto launched = run->launch(program, task.mode, task.order); !launched) return launched.error();
    return run;
}

Result<void> MediaRun::launch(const std::string& program, MediaMode mode, const std::string& order) {
    const UniqueFd order_file = sealed_file({order});
    if (!order_file) return cannot_start(errno);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return cannot_start(errno);
    report_pipe_.reset(ends[0]);
    const UniqueFd report_write_end(ends[1]);
    ::fcntl(report_pipe_.get(), F_SETFL, O_NONBLOCK);

    MediaLaunch launch{program, word_of(mode), order_file.get(), report_write_end.get(), -1, {}};
    if (mode == MediaMode::compose) {
        output_.reset(::memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        if (!output_) return cannot_start(errno);
        launch.output = output_.get();
    }
    for (const storage::StoredObject& input : inputs_)
        launch.inputs.push_back(input.fd.get());

    const auto pid = spawn_media(launch);
    if (!pid) return pid.error();
    pid_ = *pid;
    process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!process_) {
        const int failure = errno;
        kill();
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
        return cannot_start(failure);
    }
    report_watch_ = loop_.watch(report_pipe_.get(), EPOLLIN, [this](std::uint32_t) { read_report(); });
    process_watch_ = loop_.watch(process_.get(), EPOLLIN, [this](std::uint32_t) { reap(); });
    return {};
}

void MediaRun::kill() noexcept {
    if (pid_ <= 0) return;
    // Its group: what it started itself goes too. Directly: it may not have made its group yet.
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
}

MediaRun::~MediaRun() {
    kill();
    loop_.unwatch(process_watch_);
    close_report();
}

void MediaRun::read_report() {
    std::array<char, 16384> bytes;
    while (report_pipe_) {
        const ssize_t got = ::read(report_pipe_.get(), bytes.data(), bytes.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return close_report();
        if (report_.size() + static_cast<std::size_t>(got) > max_report_bytes) {
            report_too_long_ = true;
            report_.clear();
            close_report();
            return kill();
        }
        report_.append(bytes.data(), static_cast<std::size_t>(got));
    }
}

void MediaRun::close_report() noexcept {
    loop_.unwatch(report_watch_);
    report_pipe_.reset();
}

void MediaRun::reap() {
    // While the child is a zombie, its group cannot be another's: whatever it left behind, with a hand on the pipe or
    // on the output, ends here.
    kill();
    read_report();
    close_report();
    loop_.unwatch(process_watch_);
    int status = 0;
    rusage usage{};
    while (::wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    // Refused while somebody can still write through a mapping: such output is not taken.
    if (output_ && ::fcntl(output_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) != 0)
        output_.reset();

    const bool by_signal = WIFSIGNALED(status);
    MediaEnd end{
        {by_signal, by_signal ? WTERMSIG(status) : WEXITSTATUS(status), processor_time(usage), report_too_long_},
        std::move(report_),
        std::move(output_),
        std::move(inputs_)};
    const Done done = std::move(done_);
    done(std::move(end));
}

}  // namespace atelier::executor
