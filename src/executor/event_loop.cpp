#include "executor/event_loop.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace atelier::executor {
namespace {

[[noreturn]] void throw_errno(const char* call) {
    throw std::system_error(errno, std::generic_category(), call);
}

}  // namespace

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw_errno("epoll_create1");
}

EventLoop::WatchId EventLoop::watch(int fd, std::uint32_t events, FdHandler handler) {
    const WatchId id = ++last_id_;
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("epoll_ctl add");
    watches_.emplace(id, std::make_shared<Watch>(Watch{fd, std::move(handler)}));
    return id;
}

void EventLoop::change(WatchId id, std::uint32_t events) {
    const auto found = watches_.find(id);
    if (found == watches_.end()) return;
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second->fd, &event) != 0) throw_errno("epoll_ctl mod");
}

void EventLoop::unwatch(WatchId id) noexcept {
    const auto found = watches_.find(id);
    if (found == watches_.end()) return;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second->fd, nullptr);
    watches_.erase(found);
}

EventLoop::TimerId EventLoop::at(core::Instant when, TimerHandler handler) {
    const TimerId id{when, ++last_id_};
    timers_.emplace(id, std::move(handler));
    return id;
}

void EventLoop::cancel(TimerId id) noexcept {
    timers_.erase(id);
}

void EventLoop::run() {
    stopped_ = false;
    while (!stopped_) {
        serve_descriptors(milliseconds_to_next_timer());
        if (!stopped_) serve_timers();
    }
}

int EventLoop::milliseconds_to_next_timer() const {
    if (timers_.empty()) return -1;
    const auto wait = timers_.begin()->first.first - core::now();
    // Rounded up: waking a moment too early would spin until the timer is due.
    const auto rounded = std::chrono::ceil<core::Milliseconds>(wait).count();
    return static_cast<int>(std::clamp<core::Milliseconds::rep>(rounded, 0, 3'600'000));
}

void EventLoop::serve_descriptors(int timeout_ms) {
    std::array<epoll_event, 64> events{};
    const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    if (ready < 0 && errno != EINTR) throw_errno("epoll_wait");
    for (int i = 0; i < ready && !stopped_; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        // An earlier handler of this round may have taken this watch away.
        const auto found = watches_.find(event.data.u64);
        if (found == watches_.end()) continue;
        const std::shared_ptr<Watch> alive_during_call = found->second;
        alive_during_call->handler(event.events);
    }
}

void EventLoop::serve_timers() {
    const core::Instant present = core::now();
    while (!stopped_ && !timers_.empty() && timers_.begin()->first.first <= present) {
        const auto due = timers_.extract(timers_.begin());
        due.mapped()();
    }
}

}  // namespace atelier::executor
