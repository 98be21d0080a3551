// How a worker stops: takes back what never left, waits for answers (not when a database command waits for it), gives
// back the rest and ends the executor. Paid calls that are not answered by then are not given back: they stay leased
// for the next worker, and the executor that has them is not ended but let go, unless its database is dropped.

#include "postgres/server_log.hpp"
#include "postgres/settings.hpp"
#include "postgres/transaction.hpp"
#include "postgres/worker_loop.hpp"

namespace atelier::postgres {

namespace {
constexpr int last_turns = 3;
constexpr std::chrono::milliseconds look_for_hold_every{100};
}  // namespace

void Worker::shut_down() {
    if (slot_.superseded()) throw LeaveWorker(LeaveWorker::Why::superseded);
    slot_.stopping();
    pump_.stop_leasing();
    pump_.give_back_unsent(link_.drain());
    pump_.give_back_unbegun();
    link_.retire();
    await_answers();
    end_executor(!slot_.dropping());
    pump_.give_back_rest("the worker stopped");
    for (int i = 0; i < last_turns && pump_.unsettled() && !slot_.superseded(); ++i)
        pump_.last_turn(core::now());
    if (pump_.unsettled()) {
        log_line(LogLevel::warning, "pg_atelier worker stops with unsettled answers",
                 "Their attempts are void; the next worker takes the jobs up again.");
    }
}

void Worker::end_executor(bool answers_wanted) noexcept {
    pump_.dismiss_handlers();
    if (!answers_wanted) {
        link_.kill_all();
    } else if (pump_.load().paid) {
        link_.let_go();
    } else {
        link_.kill_now();
    }
}

void Worker::await_answers() {
    const core::Instant deadline = core::now() + std::chrono::milliseconds{settings::shutdown_wait_ms};
    for (core::Instant now = core::now(); now < deadline && pump_.unsettled(); now = core::now()) {
        serve_interrupts();
        if (slot_.held() || slot_.superseded()) return;
        slot_.beat();
        pump_.take_events(link_.pump(now, pump_.load(), pump_.may_read()), now);
        pump_.serve_handlers(now);
        pump_.expire(now);
        pump_.turn(now);
        link_.flush();
        if (!pump_.unsettled()) return;
        now = core::now();
        const core::Instant next = std::min(pump_.next_action(now), link_.next_timer(pump_.load()));
        wait(std::min({next, deadline, now + look_for_hold_every}));
    }
}

}  // namespace atelier::postgres
