#pragma once
// The worker as a pump between SQL and executor: knows what waits for a transaction, runs one turn at a time, and keeps
// what is in flight. A turn is one transaction: give back, settle, resolve, promote, sweep, lease; orders leave after
// it. Answers stay here until the transaction that settled them has committed.

#include "core/clock.hpp"
#include "postgres/engine.hpp"
#include "postgres/executor_link.hpp"
#include "postgres/guard.hpp"
#include "postgres/in_flight.hpp"
#include "postgres/prelude.hpp"
#include "postgres/queue_keys.hpp"
#include "postgres/worker_slot.hpp"

namespace atelier::postgres {

struct Alert {
    std::string kind;
    std::string message;
    std::string hint;
};

class Pump {
  public:
    Pump(WorkerSlot& slot, ExecutorLink& link, std::int64_t epoch);

    // What the executor did.
    void take_events(LinkEvents events, core::Instant now);
    // Answers in the executor's place for orders that are past their deadline.
    void expire(core::Instant now);

    // Runs the turn that is due, if one is. Errors of PostgreSQL end in a backoff; throws LeaveWorker only.
    void turn(core::Instant now);
    // A turn in spite of a backoff, for the end.
    void last_turn(core::Instant now);
    // The next moment at which turn() or expire() has something to do by itself; `now` when it has already.
    core::Instant next_action(core::Instant now) const;

    bool busy() const noexcept { return !in_flight_.empty(); }
    // False while answers that wait for SQL fill their room.
    bool may_read() const noexcept;

    void alert(Alert alert);
    void publish();

    // For the end: no lease from now on; orders that never left are given back.
    void stop_leasing() noexcept { leasing_ = false; }
    void give_back_unsent(const std::vector<std::int64_t>& attempts);
    // Gives back what is still in flight, as lost without anybody's fault.
    void give_back_rest(const std::string& message);
    // Something is in flight or waits for its transaction.
    bool unsettled() const noexcept {
        return busy() || !answers_.empty() || !releases_.empty() || !locked_answers_.empty() ||
               !locked_releases_.empty();
    }

  private:
    struct Answer {
        std::int64_t attempt;
        std::string payload;
        int failures = 0;
    };
    struct Release {
        std::vector<std::int64_t> attempts;
        std::string error_class;
        bool count_crash;
        std::string message;
    };
    // What one turn shall do.
    struct Batch {
        std::size_t answers = 0;
        std::size_t releases = 0;
        std::int32_t capacity = 0;  // to lease; 0: none
        bool reclaim = false;
        bool resolve = false;
        bool promote = false;
        bool sweep = false;
        bool cancellations = false;
        bool refresh_due = false;
        bool recheck = false;

        bool empty() const noexcept;
        bool only_leases() const noexcept;
    };
    // What it brought, applied after commit.
    struct Yield {
        engine::LockedAttempts locked_answers;
        std::vector<Release> locked_releases;
        std::int32_t unreclaimed = 0;
        std::int32_t unresolved = 0;
        std::int32_t promoted = 0;
        std::vector<LaneNote> swept;
        std::vector<engine::LeasedRow> leased;
        std::vector<std::int64_t> cancelled;
        std::optional<std::int64_t> due;
    };

    void absorb(const Notes& notes);
    Batch plan(core::Instant now) const;
    std::int32_t capacity() const;
    core::Instant sweep_at() const;
    std::size_t batch_of_answers() const;
    std::string join_answers(std::size_t count) const;

    void begin(core::Instant now);
    void run(const Batch& batch, core::Instant now);
    Yield transact(const Batch& batch);
    void apply(const Batch& batch, Yield yield, core::Instant now);
    void send_order(engine::LeasedRow& row, core::Instant now);
    void cancel(const std::vector<std::int64_t>& attempts);
    void notify();
    void after_turn(core::Instant now);
    void answer_for(std::int64_t attempt, const Order& order, core::ErrorClass error_class, const char* message);

    // Shown in workers_state(); '' = none.
    void note_error(const std::string& message);
    void bury_executor(const ExecutorDeath& death);
    void add_answer(ReceivedAnswer answer);
    // The first `count` answers were settled, but for those whose jobs were locked: they wait for their retry.
    void settled(std::size_t count, const engine::LockedAttempts& locked);
    void wait_for_locked();
    void retry_locked(core::Instant now);

    // settling.cpp: what to do when a transaction with answers failed.
    // False when everything that made the turn fail has been dealt with.
    bool settle_apart();
    bool settle_one(Answer& answer);
    bool reject(Answer& answer, const PgError& why);
    void failed(const PgError& error, core::Instant now);

    WorkerSlot& slot_;
    ExecutorLink& link_;
    const std::int64_t epoch_;

    QueueKeys keys_;
    InFlight in_flight_;
    std::deque<Answer> answers_;
    std::size_t answer_bytes_ = 0;
    std::deque<Release> releases_;
    std::deque<Alert> alerts_;

    // What met a job that somebody holds locked; tried again at retry_locked_at_.
    std::vector<Answer> locked_answers_;
    std::vector<Release> locked_releases_;
    bool unreclaimed_ = false;
    bool unresolved_ = false;
    std::optional<core::Instant> retry_locked_at_;

    bool leasing_ = true;
    bool begun_ = false;
    bool reclaim_wanted_ = false;
    std::string pause_reason_;
    bool lease_wanted_ = true;
    bool first_sweep_ = true;
    bool sweep_wanted_ = true;
    bool resolve_wanted_ = true;
    bool cancellations_wanted_ = true;
    bool due_stale_ = true;
    bool recheck_wanted_ = false;
    bool notify_wanted_ = false;
    std::int64_t next_due_ = Notes::never;

    core::Instant swept_at_{};
    core::Instant begin_at_{};
    core::Instant maintain_at_{};
    core::Instant not_before_{};
    int failures_ = 0;
    std::string logged_error_;
    core::Instant logged_error_at_{};

    WorkerReport report_{};
};

}  // namespace atelier::postgres
