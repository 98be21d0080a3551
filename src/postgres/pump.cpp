#include "postgres/pump.hpp"

#include "postgres/providers.hpp"
#include "postgres/server_log.hpp"
#include "postgres/settings.hpp"
#include "postgres/transaction.hpp"

namespace atelier::postgres {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t most_answer_bytes = std::size_t{32} << 20;
constexpr std::size_t most_batch_bytes = std::size_t{16} << 20;
constexpr std::size_t most_alerts = 16;
constexpr std::int64_t past_due_retry_us = 1'000'000;

milliseconds poll_interval() {
    return milliseconds{settings::poll_interval_ms};
}

}  // namespace

bool Pump::Batch::empty() const noexcept {
    return capacity == 0 && !record && !lanes && !tenants && only_leases();
}

bool Pump::Batch::only_leases() const noexcept {
    return answers == 0 && releases == 0 && drains == 0 && !reclaim && !resolve_draining && !providers && !resolve &&
           !promote && !sweep && !cancellations && !refresh_due && !recheck;
}

Pump::Pump(WorkerSlot& slot, ExecutorLink& link, std::int64_t epoch)
    : slot_(slot), link_(link), epoch_(epoch), processes_(slot) {
    report_.epoch = epoch;
    report_.started_at = GetCurrentTimestamp();
    publish();
}

void Pump::absorb(const Notes& notes, core::Instant now) {
    for (int i = 0; i < notes.count; ++i)
        queue_.lower(notes.entries[i], now);
    // A lease that met a lane's new limit, or a client's pause, before its note came has taken flows for empty that are
    // not.
    sweep_wanted_ |= notes.sweep || notes.lanes || notes.tenants;
    lanes_stale_ |= notes.lanes;
    tenants_stale_ |= notes.tenants;
    resolve_wanted_ |= notes.dependency;
    cancellations_wanted_ |= notes.cancellation;
    reclaim_wanted_ |= notes.reclaim;
    due_stale_ |= notes.lanes;
    next_due_ = std::min(next_due_, notes.due);
}

std::size_t Pump::batch_of_answers() const {
    const auto most = std::min(answers_.size(), static_cast<std::size_t>(settings::turn_limit));
    std::size_t bytes = 0;
    std::size_t count = 0;
    while (count < most && (count == 0 || bytes + answers_[count].payload.size() <= most_batch_bytes)) {
        bytes += answers_[count++].payload.size();
    }
    return count;
}

Pump::Batch Pump::plan(core::Instant now) const {
    Batch batch;
    batch.answers = batch_of_answers();
    batch.releases = releases_.size();
    batch.drains = drains_.size();
    batch.reclaim = reclaim_wanted_;
    batch.resolve_draining = may_resolve_draining();
    batch.providers = leasing_ && providers_unsent_ && link_.ready();
    batch.sweep = sweep_is_due(now);
    const bool look_all_over = batch.sweep && !sweep_.under_way();
    batch.resolve = resolve_wanted_ || look_all_over;
    batch.cancellations = cancellations_wanted_ || look_all_over;
    batch.promote = leasing_ && next_due_ <= GetCurrentTimestamp();
    batch.recheck = recheck_wanted_;
    // A sweep may lower the watermarks, which a lease in the same transaction would raise above what it found: the
    // lease waits for the next turn.
    if (!batch.sweep) batch.capacity = capacity(now);
    batch.lanes = lanes_stale_ || look_all_over;
    batch.tenants = tenants_stale_ || look_all_over;
    batch.record = leasing_ && lanes_.next_record(now).value_or(core::Instant::max()) <= now;
    // A wake with new entries alone runs the lease and nothing else; what is due next is asked in the turn after it.
    if (!batch.only_leases()) {
        batch.refresh_due = true;
    } else if (batch.capacity == 0) {
        batch.refresh_due = due_stale_;
    }
    return batch;
}

core::Instant Pump::next_action(core::Instant now) const {
    core::Instant at = maintain_at_;
    if (may_read()) at = std::min(at, in_flight_.next_deadline().value_or(core::Instant::max()));
    at = std::min(at, next_handler_action(now));
    if (!begun_) return std::max(begin_at_, not_before_);
    if (notify_wanted_ || !alerts_.empty() || !late_tasks_.empty() || !plan(now).empty())
        return std::max(now, not_before_);
    at = std::min(at, retry_locked_at_.value_or(core::Instant::max()));
    if (leasing_) at = std::min({at, sweep_at(), next_opening(now)});
    if (leasing_ && next_due_ != Notes::never) {
        const std::int64_t wait = std::max<std::int64_t>(0, next_due_ - GetCurrentTimestamp());
        // Due dates may lie years ahead; a poll comes first anyway.
        at = std::min(
            at, now + std::min<std::chrono::microseconds>(std::chrono::microseconds{wait}, std::chrono::hours{24}));
    }
    return std::max(at, now);
}

void Pump::turn(core::Instant now) {
    const Notes notes = slot_.take_notes();
    recheck_wanted_ |= slot_.take_recheck();
    // Whoever makes jobs runnable in a paused database may have ended the reason to pause.
    if (!notes.empty() || recheck_wanted_) begin_at_ = std::min(begin_at_, now);
    absorb(notes, now);
    queue_.set_aging(milliseconds{settings::priority_aging_ms});
    if (now < not_before_) return;
    try {
        if (!begun_) {
            if (now >= begin_at_) begin(now);
            return;
        }
        retry_locked(now);
        if (notify_wanted_) notify();
        const Batch batch = plan(now);
        if (!batch.empty()) {
            run(batch, now);
        } else {
            after_turn(now);
        }
        failures_ = 0;
    } catch (const PgError& error) {
        failed(error, now);
    }
}

void Pump::begin(core::Instant now) {
    std::optional<std::string> reason;
    {
        Transaction transaction(slot_, "pg_atelier: begin");
        reason = engine::begin_incarnation(epoch_);
        transaction.commit();
    }
    failures_ = 0;
    begin_at_ = now + poll_interval();
    begun_ = reclaim_wanted_ = !reason;
    if (reason && *reason != pause_reason_) log_line(LogLevel::warning, "pg_atelier pauses", reason->c_str());
    pause_reason_ = reason.value_or("");
    report_.paused = reason.has_value();
    note_error(pause_reason_);
    publish();
}

void Pump::run(const Batch& batch, core::Instant now) {
    Yield yield;
    try {
        yield = transact(batch, now);
    } catch (const PgError& error) {
        if (planned_) queue_.undo(*std::exchange(planned_, std::nullopt));
        // What was paid for comes first, without the rest, which may be what failed.
        const bool fails = batch.answers > 0 ? settle_apart() : !release_apart(batch, error);
        if (fails) throw;
        return;
    }
    apply(batch, std::move(yield), now);
}

Pump::Yield Pump::transact(const Batch& batch, core::Instant now) {
    Yield yield;
    Transaction transaction(slot_, batch.only_leases() ? "pg_atelier: lease" : "pg_atelier: turn");
    if (batch.reclaim) yield.unreclaimed = engine::reclaim(epoch_);
    for (const Release& r : releases_) {
        auto locked = engine::release(epoch_, r.attempts, r.error_class, r.count_crash, r.message);
        if (!locked.empty())
            yield.locked_releases.push_back({std::move(locked), r.error_class, r.count_crash, r.message});
    }
    if (batch.drains > 0) yield.locked_drains = engine::drain(epoch_, drains_);
    if (batch.answers > 0)
        yield.locked_answers = engine::settle(epoch_, join_answers(batch.answers), excused(batch.answers));
    if (batch.resolve_draining) yield.still_draining = engine::resolve_draining(epoch_, known_answers());
    if (batch.resolve) yield.unresolved = engine::resolve_dependencies();
    if (batch.promote) yield.promoted = engine::promote(settings::turn_limit);
    if (batch.sweep) {
        if (!sweep_.under_way()) begin_sweep();
        yield.swept_since = core::now();
        yield.swept = engine::sweep(sweep_.after(), sweep_.flows_a_page());
    }
    read_limits(batch, now);
    if (batch.reclaim || batch.resolve_draining || (batch.cancellations && !draining_places_.empty()))
        yield.draining = engine::draining_orders();
    if (batch.capacity > 0) yield.leased = lease(batch, now);
    if (batch.record) {
        yield.recorded_at = now;
        yield.records = lanes_.to_record({now, GetCurrentTimestamp()});
        yield.recorded = engine::record_lanes(yield.records);
    }
    // After the lease: what it leased may be for a provider that is new. Still unsent should the transaction fail.
    if (batch.providers || (batch.capacity > 0 && (providers::changed() || leased_in_new_lane(yield)))) {
        providers_unsent_ = true;
        yield.providers = providers::read();
    }
    if (batch.cancellations) yield.cancelled = engine::pending_cancellations();
    if (batch.refresh_due) yield.due = engine::next_due();
    transaction.commit();
    return yield;
}

void Pump::apply(const Batch& batch, Yield yield, core::Instant now) {
    // What was noted while the transaction ran may be newer than what it saw: it counts for the sweep now, and is
    // absorbed last, so that nothing below overwrites it.
    const Notes late = slot_.take_notes();
    if (batch.sweep) apply_sweep(yield, late, now);
    if (batch.lanes) lanes_stale_ = false;
    if (batch.tenants) tenants_stale_ = false;
    lanes_.recorded(yield.records, yield.recorded, yield.recorded_at);
    if (yield.providers) send_providers(*yield.providers);
    apply_leases(yield, now);
    releases_.erase(releases_.begin(), releases_.begin() + static_cast<std::ptrdiff_t>(batch.releases));
    std::move(yield.locked_releases.begin(), yield.locked_releases.end(), std::back_inserter(locked_releases_));
    settled(batch.answers, yield.locked_answers);
    apply_draining(batch, yield);
    if (batch.reclaim) {
        reclaim_wanted_ = false;
        unreclaimed_ = yield.unreclaimed > 0;
    }
    if (batch.resolve) {
        resolve_wanted_ = false;
        unresolved_ = yield.unresolved > 0;
    }
    if (unreclaimed_ || unresolved_ || still_draining_ || !locked_releases_.empty() || !locked_drains_.empty()) {
        wait_for_locked();
    }
    if (!retry_locked_at_) locked_pause_ = {};
    if (batch.cancellations) cancellations_wanted_ = false;
    if (batch.recheck) recheck_wanted_ = false;
    cancel(yield.cancelled);

    due_stale_ = due_stale_ || !yield.leased.empty();
    if (yield.due) {
        next_due_ = *yield.due;
        due_stale_ = false;
        const TimestampTz wall = GetCurrentTimestamp();
        if (next_due_ <= wall && batch.promote && yield.promoted == 0) next_due_ = wall + past_due_retry_us;
    }
    absorb(late, now);
    lease_next_ = batch.sweep && !first_sweep_ && capacity(core::now()) > 0;
    const auto ended = [](const engine::LeasedRow& row) { return !row.order; };
    if (!batch.only_leases() || std::any_of(yield.leased.begin(), yield.leased.end(), ended)) slot_.settled();
    report_.turns++;
    report_.last_turn_at = GetCurrentTimestamp();
    publish();
}

void Pump::cancel(const std::vector<std::int64_t>& attempts) {
    for (const std::int64_t attempt : attempts) {
        if (cancel_call(attempt)) continue;
        if (in_flight_.find(attempt) == nullptr && kept_receipts_.count(attempt) == 0) continue;
        // Without an executor its death gives the order back.
        (void)link_.send(wire::FrameType::cancel, attempt);
    }
}

// Listeners read the events themselves: what is told too late or never is only found later.
void Pump::notify() {
    notify_wanted_ = false;
    try {
        Transaction transaction(slot_, "pg_atelier: notify");
        engine::notify_listeners();
        transaction.commit();
    } catch (const PgError& error) {
        log_line(LogLevel::debug, "pg_atelier could not notify listeners", error.what());
    }
}

// When nothing else is waiting.
void Pump::after_turn(core::Instant now) {
    if (!alerts_.empty()) {
        const Alert alert = std::move(alerts_.front());
        alerts_.pop_front();
        Transaction transaction(slot_, "pg_atelier: alert");
        if (alert.resolved) {
            engine::resolve_alert(alert.kind);
        } else {
            engine::raise_alert(alert.kind, alert.message, alert.hint);
        }
        transaction.commit();
    } else if (!late_tasks_.empty()) {
        run_late_task(now);
    } else if (now >= maintain_at_) {
        maintain(now);
    }
}

void Pump::alert(Alert alert) {
    if (alert.resolved) {
        std::erase_if(alerts_, [&](const Alert& waiting) { return waiting.kind == alert.kind; });
        alerts_.push_back(std::move(alert));
    } else if (alerts_.size() < most_alerts) {
        alerts_.push_back(std::move(alert));
    }
}

void Pump::note_error(const std::string& message) {
    strlcpy(report_.last_error, core::to_storable_text(message, last_error_bytes - 1).c_str(), last_error_bytes);
}

bool Pump::may_read() const noexcept {
    return answer_bytes_ < most_answer_bytes;
}

void Pump::publish() {
    report_.executor_pid = link_.engine();
    report_.executor_group = link_.nanny();
    report_.in_flight = static_cast<std::int32_t>(in_flight_.size());
    report_.build_known = link_.build_matches().has_value();
    report_.build_matches = link_.build_matches().value_or(false);
    publish_lanes(core::now());
    slot_.publish(report_);
}

}  // namespace atelier::postgres
