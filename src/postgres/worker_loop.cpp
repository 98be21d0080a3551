#include "postgres/worker_loop.hpp"

#include "postgres/compat.hpp"
#include "postgres/executor_plan.hpp"
#include "postgres/guard.hpp"
#include "postgres/server_log.hpp"
#include "postgres/transaction.hpp"

namespace atelier::postgres {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::hours longest_wait{1};
constexpr std::chrono::seconds flush_statistics_after{1};

struct WaitPoint {
    int fd;
    bool read;
    bool write;
    long timeout_ms;
    bool timed_out;
};

void wait_at(WaitPoint& point) {
    static const std::uint32_t event = compat::wait_event("AtelierWorkerMain");
    int events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
    if (point.fd >= 0 && point.read) events |= WL_SOCKET_READABLE;
    if (point.fd >= 0 && point.write) events |= WL_SOCKET_WRITEABLE;
    const bool socket = (events & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE)) != 0;
    const int woken = WaitLatchOrSocket(MyLatch, events, socket ? point.fd : PGINVALID_SOCKET, point.timeout_ms, event);
    point.timed_out = (woken & WL_TIMEOUT) != 0;
    ResetLatch(MyLatch);
}

// Rounded up: a wait that ends a moment early would come back at once, again and again.
long milliseconds_until(core::Instant until, core::Instant now) {
    if (until <= now) return 0;
    const auto wait = std::min<core::Instant::duration>(until - now, longest_wait);
    return static_cast<long>(std::chrono::ceil<milliseconds>(wait).count());
}

}  // namespace

Worker::Worker(WorkerSlot& slot, std::int64_t epoch)
    : slot_(slot), link_(make_executor_plan()), pump_(slot_, link_, epoch) {}

void Worker::announce_takeover() {
    pump_.alert({"worker_replaced",
                 "the worker had not moved for a while although work was pending; a new one replaced it",
                 "Look for what stopped it: a suspended process, a stuck disk, a synchronous standby that is gone."});
}

void Worker::run() {
    while (!ShutdownRequestPending)
        round();
    shut_down();
}

void Worker::round() {
    serve_interrupts();
    if (ShutdownRequestPending) return;
    if (slot_.superseded()) throw LeaveWorker(LeaveWorker::Why::superseded);
    slot_.beat();
    follow_settings();
    core::Instant now = core::now();
    pump_.take_events(link_.pump(now, pump_.load(), pump_.may_read()), now);
    pump_.serve_handlers(now);
    pump_.expire(now);
    pump_.turn(now);
    now = core::now();
    pump_.serve_handlers(now);
    link_.flush();
    wait(std::min(pump_.next_action(now), link_.next_timer(pump_.load())));
}

void Worker::wait(core::Instant until) {
    core::Instant now = core::now();
    const core::Instant flush_at = now + flush_statistics_after;
    WaitPoint point{link_.fd(), pump_.may_read(), link_.wants_write(), 0, false};
    if (until > flush_at && statistics_waiting()) {
        point.timeout_ms = milliseconds_until(flush_at, now);
        call_postgres(wait_at, point);
        if (point.timed_out) flush_statistics();
        return;
    }
    point.timeout_ms = milliseconds_until(until, now);
    call_postgres(wait_at, point);
}

// Programs and directories may have changed with a reload.
void Worker::follow_settings() {
    if (settings_generation() == settings_seen_) return;
    settings_seen_ = settings_generation();
    try {
        link_.change_plan(make_executor_plan());
    } catch (const PgError& error) {
        log_line(LogLevel::warning, "pg_atelier goes on with its former settings", error.what());
        pump_.alert({"settings_unusable", error.what(), "Correct the directories of pg_atelier and reload."});
    }
}

}  // namespace atelier::postgres
