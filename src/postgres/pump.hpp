#pragma once
// The worker as a pump between SQL and executor: knows what waits for a transaction, runs one turn at a time, and keeps
// what is in flight. A turn is one transaction: give back, settle, resolve, promote, sweep, lease; orders leave after
// it. Answers stay here until the transaction that settled them has committed; then the executor is told which receipts
// it may drop.
//
// A paid call is never bought twice in silence. When the executor is gone, its paid attempts do not go back into the
// queue but drain: the next executor finds their receipts, answers them, and says when it is through with all that was
// left (`adopted`). Until then it takes its place in its lane and among its tenant's orders. What is draining still
// when those answers are settled has an unknown outcome, but for answers that are kept on disk until their store takes
// the picture.

#include "core/clock.hpp"
#include "postgres/engine.hpp"
#include "postgres/executor_link.hpp"
#include "postgres/fair_queue.hpp"
#include "postgres/guard.hpp"
#include "postgres/handler_pool.hpp"
#include "postgres/handler_processes.hpp"
#include "postgres/in_flight.hpp"
#include "postgres/lane_book.hpp"
#include "postgres/prelude.hpp"
#include "postgres/sweep_round.hpp"
#include "postgres/worker_slot.hpp"

namespace atelier::postgres {

struct Alert {
    std::string kind;
    std::string message;
    std::string hint;
    bool resolved = false;  // the condition is over
};

class Pump {
  public:
    Pump(WorkerSlot& slot, ExecutorLink& link, std::int64_t epoch);

    // What the executor did.
    void take_events(LinkEvents events, core::Instant now);
    // Answers in the executor's place for orders that are past their deadline. An order whose answer is kept has none.
    void expire(core::Instant now);

    // What became of calls of users' functions, and the next ones. Before a turn, and after it for those it leased.
    void serve_handlers(core::Instant now);

    // Runs the turn that is due, if one is. Errors of PostgreSQL end in a backoff; throws LeaveWorker only.
    void turn(core::Instant now);
    // A turn in spite of a backoff, for the end.
    void last_turn(core::Instant now);
    // The next moment at which turn() or expire() has something to do by itself; `now` when it has already.
    core::Instant next_action(core::Instant now) const;

    bool busy() const noexcept { return !in_flight_.empty(); }
    // While receipts are waited for, the executor that reads the spool is watched as if it had orders.
    Load load() const noexcept {
        return {in_flight_.size() > in_flight_.handled() || (draining_ && !adopted_after_), in_flight_.paid() > 0};
    }
    // False while answers that wait for SQL fill their room.
    bool may_read() const noexcept;

    void alert(Alert alert);
    void publish();

    // For the end: no lease from now on; orders that never left are given back.
    void stop_leasing() noexcept {
        leasing_ = false;
        late_tasks_.clear();
    }
    void give_back_unsent(const std::vector<std::int64_t>& attempts);
    // The same for calls that did not begin.
    void give_back_unbegun();
    // The handler processes leave; what they still run is void.
    void dismiss_handlers() noexcept { processes_.dismiss_all(); }
    // Gives back what is still in flight, as lost without anybody's fault. Paid orders stay leased.
    void give_back_rest(const std::string& message);
    // Something is in flight or waits for its transaction.
    bool unsettled() const noexcept {
        return busy() || !answers_.empty() || !releases_.empty() || !drains_.empty() || !locked_answers_.empty() ||
               !locked_releases_.empty() || !locked_drains_.empty();
    }

  private:
    struct Answer {
        std::int64_t attempt;
        std::string payload;
        std::int64_t number;   // in the order of coming
        bool receipt = false;  // the executor may have one, and keeps it until it hears that the answer is settled
        bool excused = false;  // its failure costs no attempt
        std::optional<Tenant> tenant = std::nullopt;  // whose order it is, if it takes a place until it is settled
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
        std::size_t drains = 0;
        std::int32_t capacity = 0;  // to lease; 0: none
        bool reclaim = false;
        bool resolve_draining = false;
        bool providers = false;
        bool resolve = false;
        bool promote = false;
        bool sweep = false;  // one page
        bool cancellations = false;
        bool refresh_due = false;
        bool recheck = false;
        bool lanes = false;    // to be read
        bool tenants = false;  // the same
        bool record = false;   // what was learned of the lanes

        bool empty() const noexcept;
        bool only_leases() const noexcept;
    };
    // What it brought, applied after commit.
    struct Yield {
        engine::LockedAttempts locked_answers;
        std::vector<Release> locked_releases;
        engine::LockedAttempts locked_drains;
        std::int32_t unreclaimed = 0;
        std::int32_t still_draining = 0;
        std::int32_t unresolved = 0;
        std::int32_t promoted = 0;
        std::vector<Entry> swept;
        core::Instant swept_since{};
        std::optional<std::vector<engine::DrainingOrder>> draining;
        std::vector<LaneRecord> records;
        std::vector<std::int32_t> recorded;
        core::Instant recorded_at{};
        std::vector<engine::LeasedRow> leased;
        std::optional<std::string> providers;  // holds keys
        std::vector<std::int64_t> cancelled;
        std::optional<std::int64_t> due;
    };

    void absorb(const Notes& notes, core::Instant now);
    Batch plan(core::Instant now) const;
    std::size_t batch_of_answers() const;
    std::string join_answers(std::size_t count) const;
    std::vector<std::int64_t> excused(std::size_t count) const;

    void begin(core::Instant now);
    void run(const Batch& batch, core::Instant now);
    Yield transact(const Batch& batch, core::Instant now);
    void apply(const Batch& batch, Yield yield, core::Instant now);

    // pump_leasing.cpp: what comes next, and the places that orders take.
    // Of each kind as many as fit; no more for an executor that takes nothing at present.
    std::int32_t free_orders(bool handled) const;
    std::int32_t room(std::int32_t lane, core::Instant now) const;
    // How many orders may be leased; 0 when nobody waits who may go on.
    std::int32_t capacity(core::Instant now) const;
    // When the next page of a sweep comes.
    core::Instant sweep_at() const;
    bool sweep_is_due(core::Instant now) const;
    // When there may be something to lease by the clock alone, or to write down.
    core::Instant next_opening(core::Instant now) const;
    void begin_sweep();
    void read_limits(const Batch& batch, core::Instant now);
    std::vector<engine::LeasedRow> lease(const Batch& batch, core::Instant now);
    void apply_leases(Yield& yield, core::Instant now);
    void apply_sweep(Yield& yield, const Notes& late, core::Instant now);
    void send_order(engine::LeasedRow& row, core::Instant now);

    // pump_handlers.cpp
    int most_handlers() const;
    void send_call(std::int64_t attempt, std::int32_t timeout_ms, Order order, core::Instant now);
    void begin_calls(core::Instant now);
    bool start_handler(core::Instant now);
    void end_call(const PooledCall& call, const HandlerProcesses::Ended& ended, core::Instant now);
    void fail_call(std::int64_t attempt, const Order& order, const char* error_class,
                   const HandlerProcesses::Ended& ended);
    // False: it is no such call.
    bool cancel_call(std::int64_t attempt);
    void give_up_call(std::int64_t attempt, const Order& order);
    core::Instant next_handler_action(core::Instant now) const;

    // Takes it out of what is in flight. Nothing is known of its service by that.
    std::optional<Order> withdraw(std::int64_t attempt);
    void add_draining(std::int64_t attempt, const Order& order);
    // It is settled, or answered and kept: its place is free.
    void drained(std::int64_t attempt);
    void replace_draining(const std::vector<engine::DrainingOrder>& orders);
    void publish_lanes(core::Instant now);
    void cancel(const std::vector<std::int64_t>& attempts);
    void notify();
    void after_turn(core::Instant now);
    void maintain(core::Instant now);
    // One batch of the first late task, in a transaction of its own.
    void run_late_task(core::Instant now);
    void answer_for(std::int64_t attempt, const Order& order, core::ErrorClass error_class, const char* message);

    // Shown in workers_state(); '' = none.
    void note_error(const std::string& message);
    void bury_executor(const ExecutorDeath& death);
    bool answers_another_lease(const ReceivedAnswer& answer) const;
    void add_answer(ReceivedAnswer answer, core::Instant now);
    // What the answer says of the pace of its service. True: the failure costs no attempt.
    bool judge_pace(const Order& order, const ReceivedAnswer& answer, core::Instant now);
    Answer& queue_answer(std::int64_t attempt, std::string payload, bool receipt);
    void take_alert(const std::string& payload);

    // pump_paid.cpp: what keeps paid answers.
    void keep(const std::vector<std::int64_t>& attempts, core::Instant now);
    bool may_resolve_draining() const;
    // Of draining attempts: their outcome is not unknown.
    std::vector<std::int64_t> known_answers() const;
    void apply_draining(const Batch& batch, const Yield& yield);
    // A commit wakes the worker a moment before it announces what it changed in the catalog: whoever makes a provider
    // or a store and a job for it at once is found by the lane, which is new.
    bool leased_in_new_lane(const Yield& yield) const;
    void send_providers(std::string& payload);
    void tell_settled(const std::vector<std::int64_t>& attempts);

    // The first `count` answers were settled, but for those whose jobs were locked: they wait for their retry.
    void settled(std::size_t count, const engine::LockedAttempts& locked);
    void wait_for_locked();
    void retry_locked(core::Instant now);

    // pump_settling.cpp: what to do when a transaction with answers failed.
    // False when everything that made the turn fail has been dealt with.
    bool settle_apart();
    enum class Alone { settled, locked, failed };  // locked: waits as others whose jobs are; failed: with a backoff
    Alone settle_one(Answer& answer);
    Alone reject(Answer& answer, const PgError& why);
    // Of a turn without answers that met a lock. False when nothing that it was to give back can have met it.
    bool release_apart(const Batch& batch, const PgError& why);
    bool release_one(const Release& release);
    // Whether it failed at somebody's lock; the pause before the next try grows then.
    bool met_lock(const PgError& error);
    void failed(const PgError& error, core::Instant now);

    WorkerSlot& slot_;
    ExecutorLink& link_;
    const std::int64_t epoch_;

    FairQueue queue_;
    LaneBook lanes_;
    SweepRound sweep_;
    std::optional<FairQueue::Plan> planned_;  // while the transaction runs that leases by it
    InFlight in_flight_;
    HandlerPool calls_;
    HandlerProcesses processes_;
    std::unordered_set<int> stuck_;  // processes whose function cannot be ended
    bool handlers_seen_ = true;
    struct Place {
        std::int32_t lane;
        Tenant tenant;
    };
    std::unordered_map<std::int64_t, Place> draining_places_;  // of attempts whose executors are gone
    std::deque<Answer> answers_;
    std::size_t answer_bytes_ = 0;
    std::deque<Release> releases_;
    std::vector<std::int64_t> drains_;    // paid attempts whose executor is gone
    std::vector<std::int64_t> given_up_;  // answered, but it cannot be recorded: no unknown outcome
    std::deque<Alert> alerts_;

    // What met a job, or anything else, that somebody holds locked; tried again at retry_locked_at_.
    std::vector<Answer> locked_answers_;
    std::vector<Release> locked_releases_;
    std::vector<std::int64_t> locked_drains_;
    bool unreclaimed_ = false;
    bool still_draining_ = false;
    bool unresolved_ = false;
    std::optional<core::Instant> retry_locked_at_;
    core::Milliseconds locked_pause_{0};  // while locks are met that nothing skips

    std::int64_t answers_taken_ = 0;
    // This executor has answered for all that others left, with answers up to the one of this number.
    std::optional<std::int64_t> adopted_after_;
    bool draining_ = false;  // there may be draining jobs
    bool providers_unsent_ = false;
    std::unordered_set<std::int32_t> known_lanes_;    // that ever had an order
    std::unordered_set<std::int64_t> kept_receipts_;  // attempts of other lives whose answers wait for their store

    bool heard_answers_ = false;  // or of kept ones, when the executor was listened to last
    bool leasing_ = true;
    bool begun_ = false;
    bool reclaim_wanted_ = false;
    std::string pause_reason_;
    bool lanes_stale_ = true;
    bool tenants_stale_ = true;
    bool first_sweep_ = true;
    bool sweep_wanted_ = true;
    bool lease_next_ = false;  // the last turn had a page of a sweep while somebody waited
    bool resolve_wanted_ = true;
    bool cancellations_wanted_ = true;
    bool due_stale_ = true;
    bool recheck_wanted_ = false;
    bool notify_wanted_ = false;
    std::int64_t next_due_ = Notes::never;

    core::Instant swept_at_{};
    core::Instant next_page_at_{};
    core::Instant begin_at_{};
    core::Instant maintain_at_{};
    std::deque<std::string> late_tasks_;
    core::Instant late_tasks_until_{};
    core::Instant not_before_{};
    int failures_ = 0;
    std::string logged_error_;
    core::Instant logged_error_at_{};

    WorkerReport report_{};
};

}  // namespace atelier::postgres
