#pragma once
// Orders whose work costs nothing: they wait for their turn, have a deadline, and may be cancelled or go back at any
// time.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/clock.hpp"
#include "executor/answer.hpp"
#include "executor/event_loop.hpp"
#include "executor/order.hpp"
#include "executor/order_book.hpp"
#include "executor/work.hpp"

namespace atelier::executor {

class UnpaidJobs {
  public:
    struct Handlers {
        std::function<void(Attempt attempt, const Answer& answer)> answer;
        std::function<void(const std::string& message)> log;
        std::function<void()> idle;  // an order has ended
    };

    UnpaidJobs(EventLoop& loop, const BookLimits& limits, Handlers handlers)
        : loop_(loop), book_(limits), handlers_(std::move(handlers)) {}
    UnpaidJobs(const UnpaidJobs&) = delete;
    UnpaidJobs& operator=(const UnpaidJobs&) = delete;

    bool knows(Attempt attempt) const { return jobs_.contains(attempt); }
    // Of an attempt that is not known; its order was `bytes` long.
    void admit(Attempt attempt, const Order& order, std::size_t bytes, std::shared_ptr<Work> work);
    // Of one that is not known: nothing.
    void cancel(Attempt attempt);

    // Nothing new is taken, and what has not begun goes back.
    void drain();
    // What has begun goes back too.
    void give_back_running();
    // Nobody is there to be answered.
    void abandon();

    // Nobody waits for an answer.
    bool idle() const noexcept { return book_.idle(); }

  private:
    struct Job {
        core::Json lease;
        core::Instant intake;
        EventLoop::TimerId deadline;
        std::shared_ptr<Work> work;
    };

    void start_queued();
    void on_end(Attempt attempt, WorkEnd end);
    // Cancelled, or past its deadline.
    void end_early(Attempt attempt, const core::Error& error);
    void take_back(Attempt attempt, bool tell);
    void forget(Attempt attempt);
    AnswerHead head_of(const Job& job) const;

    EventLoop& loop_;
    OrderBook book_;
    Handlers handlers_;
    std::unordered_map<Attempt, Job> jobs_;  // answered ones too, until their work has ended
};

}  // namespace atelier::executor
