#include "postgres/executor_link.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "core/json.hpp"

namespace atelier::postgres {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds greet_within{10};
constexpr seconds ping_every{3};
constexpr seconds silent_too_long{10};
constexpr seconds report_within{2};  // the nanny's word on the engine's end
constexpr seconds lived_long_enough{10};
constexpr seconds longest_backoff{30};
constexpr seconds foreign_build_backoff{60};
constexpr seconds drained_with_worker{2};  // paid calls, before the executor that has them is let go
constexpr milliseconds kill_step{5};
constexpr milliseconds kill_within{1000};
constexpr milliseconds leave_within{200};
constexpr std::size_t hello_bytes = 4096;
constexpr int last_reads = 8;  // of about a megabyte: more than a socket holds

milliseconds next_backoff(int early_deaths) {
    if (early_deaths <= 1) return milliseconds{0};
    const int doublings = std::min(early_deaths - 2, 5);
    return std::min<milliseconds>(seconds{1} * (1 << doublings), longest_backoff);
}

struct Hello {
    std::string build;
    pid_t pid = 0;
};

std::optional<Hello> read_hello(const std::string& payload) {
    const auto json = core::parse_json(payload, {hello_bytes, 4}, core::ErrorClass::invalid_request);
    if (!json) return std::nullopt;
    const std::string* build = core::find_string(*json, "build");
    const core::Json* pid = core::find_member(*json, "pid", core::Json::value_t::number_unsigned);
    if (build == nullptr || pid == nullptr) return std::nullopt;
    return Hello{*build, pid->get<pid_t>()};
}

}  // namespace

LinkEvents ExecutorLink::pump(core::Instant now, Load load, bool may_read) {
    LinkEvents events;
    reap_old();
    // Silence counts from the first order, not from the last answer before a pause.
    if (watched(load) && !was_watched_) heard_at_ = pinged_at_ = now;
    was_watched_ = watched(load);
    if (state_ == State::down && !retired_ && now >= retry_at_) start(now, events);
    if (channel_) exchange(now, load, may_read, events);
    if (state_ == State::draining) check_drain(now, load, events);
    if (state_ == State::dying) bury(now, events);
    return events;
}

void ExecutorLink::start(core::Instant now, LinkEvents& events) {
    auto started = ExecutorProcess::start(plan_.program, plan_.log_file);
    if (!started) {
        early_deaths_ = std::max(early_deaths_ + 1, 2);
        retry_at_ = now + next_backoff(early_deaths_);
        events.start_failure = started.error().message;
        return;
    }
    process_ = std::make_unique<ExecutorProcess>(started->nanny, started->pipe);
    channel_ = std::make_unique<Channel>(started->socket);
    state_ = State::greeting;
    engine_ = 0;
    started_at_ = heard_at_ = pinged_at_ = now;
    answered_ = killed_silent_ = dismissed_ = outdated_ = false;
    draining_since_.reset();
    death_reason_.clear();
    unsent_.clear();
    pace_.reset();
    if (!channel_->queue(wire::FrameType::hello, 0, plan_.hello)) begin_dying(now, "the hello is too long");
}

void ExecutorLink::exchange(core::Instant now, Load load, bool may_read, LinkEvents& events) {
    const bool writable = channel_->flush();
    bool open = true;
    std::vector<wire::Frame> frames;
    if (may_read) open = channel_->receive(frames);
    // It is dead, but what it answered before lies in the socket, and would be gone with it.
    for (int i = 0; i < last_reads && open && !writable; ++i)
        open = channel_->receive(frames);
    for (wire::Frame& frame : frames) {
        if (channel_) handle(frame, now, events);
    }
    if (!channel_) return;
    if (!open || !writable) {
        begin_dying(now, channel_->error());
        return;
    }
    // While we do not read, its silence is ours.
    if (may_read) {
        check_silence(now, load);
    } else {
        heard_at_ = now;
    }
    flush();
}

void ExecutorLink::handle(wire::Frame& frame, core::Instant now, LinkEvents& events) {
    heard_at_ = now;
    switch (frame.type) {
        case wire::FrameType::hello:
            greet(frame.payload, now, events);
            return;
        case wire::FrameType::answer:
            answered_ = true;
            events.answers.push_back({static_cast<std::int64_t>(frame.attempt), std::move(frame.payload), {}});
            if (pace_ && pace_->attempt == events.answers.back().attempt)
                events.answers.back().pace = std::move(pace_->payload);
            pace_.reset();
            return;
        case wire::FrameType::pace:
            pace_ = {static_cast<std::int64_t>(frame.attempt), std::move(frame.payload), {}};
            return;
        case wire::FrameType::kept:
            events.kept.push_back(static_cast<std::int64_t>(frame.attempt));
            return;
        case wire::FrameType::log:
            events.log_frames.push_back(std::move(frame.payload));
            return;
        case wire::FrameType::alert:
            events.alert_frames.push_back(std::move(frame.payload));
            return;
        case wire::FrameType::adopted:
            events.adopted = true;
            return;
        case wire::FrameType::pong:
            return;
        case wire::FrameType::order:
        case wire::FrameType::cancel:
        case wire::FrameType::ping:
        case wire::FrameType::drain:
        case wire::FrameType::providers:
        case wire::FrameType::settled:
            break;
    }
    begin_dying(now, "it sent a frame that only a worker sends");
}

void ExecutorLink::greet(const std::string& payload, core::Instant now, LinkEvents& events) {
    const std::optional<Hello> hello = read_hello(payload);
    if (!hello || state_ != State::greeting) {
        begin_dying(now, "it sent no proper hello");
        return;
    }
    engine_ = hello->pid;
    build_matches_ = hello->build == plan_.build;
    if (*build_matches_) {
        state_ = State::ready;
        if (outdated_) {
            ask_to_leave();
        } else {
            events.became_ready = true;
        }
        return;
    }
    events.foreign_build = hello->build;
    dismissed_ = true;  // its end is no news
    begin_dying(now, "it is of another build");
    process_->kill_engine(engine_);
}

void ExecutorLink::check_silence(core::Instant now, Load load) {
    if (state_ == State::greeting && now - started_at_ >= greet_within) {
        killed_silent_ = true;
        begin_dying(now, "it said no hello");
        process_->kill_engine(engine_);
        return;
    }
    if (!watched(load) || state_ == State::greeting) return;
    if (now - heard_at_ >= silent_too_long) {
        killed_silent_ = true;
        begin_dying(now, "it was silent");
        process_->kill_engine(engine_);
    } else if (now - pinged_at_ >= ping_every) {
        pinged_at_ = now;
        if (!channel_->queue(wire::FrameType::ping, 0, {})) begin_dying(now, "a ping did not fit");
    }
}

void ExecutorLink::check_drain(core::Instant now, Load load, LinkEvents& events) {
    if (!draining_since_) draining_since_ = now;
    // At a stop the worker waits for answers itself, and says when it is enough.
    if (!load.paid || retired_ || now - *draining_since_ < drained_with_worker) return;
    ExecutorDeath death;
    death.how = "it was let go with paid calls under way";
    death.blameless = death.asked_for = true;
    death.unsent = channel_->unsent_orders();
    events.death = std::move(death);
    let_go();
    retry_at_ = now;
}

void ExecutorLink::begin_dying(core::Instant now, std::string reason) {
    if (state_ == State::dying) return;
    state_ = State::dying;
    dying_since_ = now;
    death_reason_ = std::move(reason);
    unsent_ = channel_->unsent_orders();
    channel_.reset();
}

void ExecutorLink::bury(core::Instant now, LinkEvents& events) {
    std::optional<std::string> end = process_->read_end();
    if (!end) {
        if (now - dying_since_ < report_within) return;
        // It closed the socket and lives on, or its nanny is stuck.
        process_->kill_group();
        end = "";
    }
    ExecutorDeath death;
    death.blameless = !killed_silent_ && ended_blamelessly(*end);
    death.asked_for = dismissed_ && !killed_silent_;
    death.how = end->empty() || killed_silent_ ? death_reason_ : *end;
    death.unsent = std::move(unsent_);
    events.death = std::move(death);

    const bool early = now - started_at_ < lived_long_enough && !answered_ && !dismissed_;
    early_deaths_ = early ? early_deaths_ + 1 : 0;
    retry_at_ = now + (build_matches_ == false ? foreign_build_backoff : next_backoff(early_deaths_));
    leaving_.push_back(std::move(process_));
    state_ = State::down;
    engine_ = 0;
}

void ExecutorLink::reap_old() noexcept {
    std::erase_if(leaving_, [](const std::unique_ptr<ExecutorProcess>& process) { return process->reap(); });
    std::erase_if(orphans_, [](const Orphan& orphan) { return orphan.process->reap(); });
}

// A failure is no reason to close the socket yet: there may be answers in it.
void ExecutorLink::flush() {
    if (channel_ && channel_->has_output()) (void)channel_->flush();
}

bool ExecutorLink::send(wire::FrameType type, std::int64_t attempt, std::string_view payload) {
    return channel_ && channel_->queue(type, attempt, payload);
}

void ExecutorLink::change_plan(ExecutorPlan plan) {
    if (plan == plan_) return;
    plan_ = std::move(plan);
    retry_at_ = {};
    outdated_ = true;
    if (state_ == State::ready) ask_to_leave();
}

void ExecutorLink::ask_to_leave() {
    state_ = State::draining;
    dismissed_ = true;
    if (!send(wire::FrameType::drain, 0)) process_->kill_engine(engine_);
}

std::vector<std::int64_t> ExecutorLink::drain() {
    std::vector<std::int64_t> taken_back;
    if (!channel_) return taken_back;
    taken_back = channel_->take_back_orders();
    if (state_ == State::ready || state_ == State::greeting) ask_to_leave();
    return taken_back;
}

void ExecutorLink::kill_now() noexcept {
    retired_ = true;
    const bool asked = state_ == State::draining;
    channel_.reset();
    // One that has nothing to do tidies its spool and goes; killed, it would leave settled answers to the next one.
    for (auto waited = milliseconds{0}; asked && process_ && waited < leave_within; waited += kill_step) {
        if (process_->reap()) process_.reset();
        if (process_) poll(nullptr, 0, static_cast<int>(kill_step.count()));
    }
    if (process_) {
        process_->kill_engine(engine_);
        leaving_.push_back(std::move(process_));
    }
    state_ = State::down;
    for (auto waited = milliseconds{0}; waited < kill_within; waited += kill_step) {
        reap_old();
        if (leaving_.empty()) return;
        poll(nullptr, 0, static_cast<int>(kill_step.count()));
    }
    for (const auto& process : leaving_)
        process->kill_group();
    reap_old();
}

void ExecutorLink::kill_all() noexcept {
    for (Orphan& orphan : orphans_) {
        orphan.process->kill_engine(orphan.engine);
        leaving_.push_back(std::move(orphan.process));
    }
    orphans_.clear();
    kill_now();
}

void ExecutorLink::let_go() noexcept {
    channel_.reset();
    if (process_) orphans_.push_back({std::move(process_), engine_});
    state_ = State::down;
    engine_ = 0;
}

int ExecutorLink::fd() const noexcept {
    if (channel_) return channel_->fd();
    return state_ == State::dying ? process_->pipe() : -1;
}

core::Instant ExecutorLink::next_timer(Load load) const noexcept {
    switch (state_) {
        case State::down:
            return retired_ ? core::Instant::max() : retry_at_;
        case State::greeting:
            return started_at_ + greet_within;
        case State::dying:
            return dying_since_ + report_within;
        case State::ready:
        case State::draining:
            break;
    }
    if (!watched(load)) return core::Instant::max();
    const core::Instant timer = std::min(pinged_at_ + ping_every, heard_at_ + silent_too_long);
    return draining_since_ && load.paid && !retired_ ? std::min(timer, *draining_since_ + drained_with_worker) : timer;
}

}  // namespace atelier::postgres
