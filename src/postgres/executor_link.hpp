#pragma once
// The worker's connection to its executor through all of the executor's lives: start, greeting, pings, death, restart.
// Time comes in as an argument; what happened goes out as LinkEvents, and nothing here decides about jobs.
//
//   down -> greeting -> ready -> (draining) -> dying -> down
//
// An executor that was sent away drains: it ends what runs, while nothing is leased. Media work ends within
// shutdown_wait, paid calls may take drain_timeout. So one that still has paid calls after two seconds is let go: the
// socket is closed, it becomes an orphan that nobody kills, and the next executor, which starts at once, finds what it
// brings in its segment of the spool. For the pump that is a death like others; only its `how` differs.
//
// No PostgreSQL here.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "postgres/channel.hpp"
#include "postgres/executor_process.hpp"

namespace atelier::postgres {

// How an executor is started, and the hello it is greeted with.
struct ExecutorPlan {
    std::string program;
    std::string log_file;
    std::string hello;  // JSON
    std::string build;

    bool operator==(const ExecutorPlan&) const = default;
};

struct ReceivedAnswer {
    std::int64_t attempt;
    std::string payload;
    std::optional<std::string> pace;  // payload of the pace frame that came before it
};

struct ExecutorDeath {
    std::string how;                   // "signal 11", "exit 3", or what the worker saw
    bool blameless;                    // no job is to blame
    bool asked_for;                    // we sent it away
    std::vector<std::int64_t> unsent;  // orders that never left the worker
};

// What the executor has not answered yet.
struct Load {
    bool busy = false;  // orders
    bool paid = false;  // paid ones among them
};

struct LinkEvents {
    std::vector<ReceivedAnswer> answers;
    std::vector<std::int64_t> kept;         // attempts whose answers are on disk and come when their store takes them
    std::vector<std::string> log_frames;    // payloads
    std::vector<std::string> alert_frames;  // payloads
    bool adopted = false;                   // after the answers
    std::optional<ExecutorDeath> death;
    std::optional<std::string> start_failure;
    std::optional<std::string> foreign_build;  // the build id that does not match ours
    bool became_ready = false;
};

class ExecutorLink {
  public:
    explicit ExecutorLink(ExecutorPlan plan) : plan_(std::move(plan)) {}

    // Does everything that is due: reads, writes, pings, starts, buries.
    LinkEvents pump(core::Instant now, Load load, bool may_read);

    // Writes what was queued since. A connection that is gone is the next pump()'s to find.
    void flush();

    // An executor that takes orders now.
    bool ready() const noexcept { return state_ == State::ready; }
    bool alive() const noexcept { return state_ != State::down; }
    std::size_t queued_bytes() const noexcept { return channel_ ? channel_->queued_bytes() : 0; }

    // False when the frame is too long for the wire or there is nobody to send it to.
    [[nodiscard]] bool send(wire::FrameType type, std::int64_t attempt, std::string_view payload = {});

    // A new plan drains the executor, so that the next one starts with it.
    void change_plan(ExecutorPlan plan);
    // Asks the executor to end what is running and to leave. Orders that wait here for the socket come back.
    std::vector<std::int64_t> drain();
    // No start after this.
    void retire() noexcept { retired_ = true; }
    // Ends the executor within about a second; blocks for that long at worst. One that was asked to leave before gets a
    // moment to do so by itself. Orphans go on.
    void kill_now() noexcept;
    // The same, orphans too: nobody is left to take their answers.
    void kill_all() noexcept;
    // Closes the socket: the executor ends its paid calls as an orphan, the rest of its work is lost.
    void let_go() noexcept;

    // For the one wait point: a descriptor (-1: none), whether to wait for room to write, and until when.
    int fd() const noexcept;
    bool wants_write() const noexcept { return channel_ && channel_->has_output(); }
    core::Instant next_timer(Load load) const noexcept;

    pid_t engine() const noexcept { return state_ == State::down ? 0 : engine_; }
    pid_t nanny() const noexcept { return process_ ? process_->nanny() : 0; }
    std::optional<bool> build_matches() const noexcept { return build_matches_; }

  private:
    enum class State { down, greeting, ready, draining, dying };
    struct Orphan {
        std::unique_ptr<ExecutorProcess> process;
        pid_t engine;
    };

    void start(core::Instant now, LinkEvents& events);
    void exchange(core::Instant now, Load load, bool may_read, LinkEvents& events);
    void handle(wire::Frame& frame, core::Instant now, LinkEvents& events);
    void greet(const std::string& payload, core::Instant now, LinkEvents& events);
    bool watched(Load load) const noexcept { return load.busy || state_ == State::draining; }
    void check_silence(core::Instant now, Load load);
    void check_drain(core::Instant now, Load load, LinkEvents& events);
    void ask_to_leave();
    void begin_dying(core::Instant now, std::string reason);
    void bury(core::Instant now, LinkEvents& events);
    void reap_old() noexcept;

    ExecutorPlan plan_;
    State state_ = State::down;
    bool retired_ = false;
    std::unique_ptr<ExecutorProcess> process_;
    std::unique_ptr<Channel> channel_;
    std::vector<std::unique_ptr<ExecutorProcess>> leaving_;  // dead or dying, not reaped yet
    std::vector<Orphan> orphans_;                            // let go, not reaped yet
    pid_t engine_ = 0;
    std::optional<bool> build_matches_;

    core::Instant retry_at_{};
    core::Instant started_at_{};
    core::Instant heard_at_{};
    core::Instant pinged_at_{};
    core::Instant dying_since_{};
    std::optional<core::Instant> draining_since_;
    core::Milliseconds backoff_{0};
    int early_deaths_ = 0;
    bool answered_ = false;  // this executor gave an answer: it works
    bool killed_silent_ = false;
    bool dismissed_ = false;  // we asked it to go
    bool was_watched_ = false;
    bool outdated_ = false;  // the plan has changed since this executor was started
    std::string death_reason_;
    std::vector<std::int64_t> unsent_;
    std::optional<ReceivedAnswer> pace_;  // of the answer that comes next
};

}  // namespace atelier::postgres
