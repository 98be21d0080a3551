#pragma once
// One thread, one epoll set, one list of timers: everything of the engine happens in handlers called from run().

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "core/clock.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::executor {

class EventLoop {
  public:
    using FdHandler = std::function<void(std::uint32_t epoll_events)>;
    using TimerHandler = std::function<void()>;
    using WatchId = std::uint64_t;  // never used again, unlike descriptors
    using TimerId = std::pair<core::Instant, std::uint64_t>;

    // Throws std::system_error when the kernel gives no epoll set; so do watch() and change().
    EventLoop();

    // Calls `handler` with the ready events (level-triggered) until unwatch(). Unwatch before closing the descriptor.
    // A handler may unwatch itself and others, and destroy what owns it.
    WatchId watch(int fd, std::uint32_t events, FdHandler handler);
    void change(WatchId id, std::uint32_t events);
    void unwatch(WatchId id) noexcept;

    // Calls `handler` once, not before `when`.
    TimerId at(core::Instant when, TimerHandler handler);
    // Of one that has fired: nothing.
    void cancel(TimerId id) noexcept;

    // Serves events until stop() is called from a handler.
    void run();
    void stop() noexcept { stopped_ = true; }

  private:
    struct Watch {
        int fd;
        FdHandler handler;
    };

    int milliseconds_to_next_timer() const;
    void serve_descriptors(int timeout_ms);
    void serve_timers();

    storage::UniqueFd epoll_;
    std::unordered_map<WatchId, std::shared_ptr<Watch>> watches_;
    std::map<TimerId, TimerHandler> timers_;
    std::uint64_t last_id_ = 0;
    bool stopped_ = false;
};

}  // namespace atelier::executor
