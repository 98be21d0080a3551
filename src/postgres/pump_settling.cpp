// The pump when a transaction failed: answers are settled apart from the rest of the turn, then one by one, so that one
// bad answer fails alone, and one that meets somebody's lock waits alone; so do leases that are given back. Everything
// else waits a little and is tried again.

#include "postgres/pump.hpp"
#include "postgres/server_log.hpp"
#include "postgres/transaction.hpp"

namespace atelier::postgres {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_backoff{100};
constexpr milliseconds longest_backoff{5000};
constexpr milliseconds retry_locked_after{500};
constexpr milliseconds longest_retry_locked_after{4000};
constexpr std::chrono::seconds same_error_every{60};
constexpr int most_timeouts = 3;     // of one answer settled alone
constexpr int most_rejections = 10;  // tries to record that an answer cannot be settled

// Errors that say nothing about the answer: locks, resources, an administrator, a read-only server.
bool may_pass(int sqlstate) noexcept {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case ERRCODE_INSUFFICIENT_RESOURCES:
        case ERRCODE_OPERATOR_INTERVENTION:
        case ERRCODE_TRANSACTION_ROLLBACK:
        case ERRCODE_IO_ERROR&((1 << 12) - 1):
            return true;
        default:
            return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_READ_ONLY_SQL_TRANSACTION;
    }
}

// Of those, what another answer need not meet: a lock, a deadlock, a slow statement.
bool concerns_one_answer(int sqlstate) noexcept {
    return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_QUERY_CANCELED ||
           ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_TRANSACTION_ROLLBACK;
}

}  // namespace

std::string Pump::join_answers(std::size_t count) const {
    std::string text = "[";
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) text += ',';
        text += answers_[i].payload;
    }
    text += ']';
    return text;
}

std::vector<std::int64_t> Pump::excused(std::size_t count) const {
    std::vector<std::int64_t> attempts;
    for (std::size_t i = 0; i < count; ++i)
        if (answers_[i].excused) attempts.push_back(answers_[i].attempt);
    return attempts;
}

void Pump::settled(std::size_t count, const engine::LockedAttempts& locked) {
    std::vector<std::int64_t> receipts;
    for (std::size_t i = 0; i < count; ++i) {
        Answer answer = std::move(answers_.front());
        answers_.pop_front();
        if (std::find(locked.begin(), locked.end(), answer.attempt) != locked.end()) {
            if (answer.tenant) queue_.occupy(*answer.tenant);
            locked_answers_.push_back(std::move(answer));
            wait_for_locked();
            continue;
        }
        drained(answer.attempt);
        answer_bytes_ -= answer.payload.size();
        // The executor drops receipts by number, that of an order under way too (answers_another_lease): it hears the
        // number when that one is settled.
        if (answer.receipt && in_flight_.find(answer.attempt) == nullptr) receipts.push_back(answer.attempt);
        report_.settled++;
        notify_wanted_ = true;
    }
    if (count > 0) slot_.settled();
    tell_settled(receipts);
}

void Pump::wait_for_locked() {
    if (!retry_locked_at_) retry_locked_at_ = core::now() + std::max(retry_locked_after, locked_pause_);
}

void Pump::retry_locked(core::Instant now) {
    if (!retry_locked_at_ || now < *retry_locked_at_) return;
    retry_locked_at_.reset();
    reclaim_wanted_ |= std::exchange(unreclaimed_, false);
    resolve_wanted_ |= std::exchange(unresolved_, false);
    draining_ |= std::exchange(still_draining_, false);
    drains_.insert(drains_.end(), locked_drains_.begin(), locked_drains_.end());
    locked_drains_.clear();
    for (const Answer& answer : locked_answers_)
        if (answer.tenant) queue_.vacate(*answer.tenant);
    std::move(locked_answers_.begin(), locked_answers_.end(), std::back_inserter(answers_));
    std::move(locked_releases_.begin(), locked_releases_.end(), std::back_inserter(releases_));
    locked_answers_.clear();
    locked_releases_.clear();
}

bool Pump::settle_apart() {
    const std::size_t count = batch_of_answers();
    try {
        Transaction transaction(slot_, "pg_atelier: settle");
        const engine::LockedAttempts locked = engine::settle(epoch_, join_answers(count), excused(count));
        transaction.commit();
        settled(count, locked);
        return false;
    } catch (const PgError& error) {
        if (may_pass(error.sqlstate()) && !concerns_one_answer(error.sqlstate())) throw;
    }
    bool some_wait = false;
    for (std::size_t i = 0; i < count; ++i) {
        const Alone end = settle_one(answers_.front());
        if (end != Alone::failed) {
            settled(1,
                    end == Alone::locked ? engine::LockedAttempts{answers_.front().attempt} : engine::LockedAttempts{});
            continue;
        }
        // Let the others pass; it comes again after the backoff.
        some_wait = true;
        answers_.push_back(std::move(answers_.front()));
        answers_.pop_front();
    }
    return some_wait;
}

Pump::Alone Pump::settle_one(Answer& answer) {
    try {
        Transaction transaction(slot_, "pg_atelier: settle one");
        const engine::LockedAttempts locked =
            engine::settle(epoch_, '[' + answer.payload + ']',
                           answer.excused ? std::vector{answer.attempt} : std::vector<std::int64_t>{});
        transaction.commit();
        return locked.empty() ? Alone::settled : Alone::locked;
    } catch (const PgError& error) {
        if (met_lock(error)) return Alone::locked;
        ++answer.failures;
        if (may_pass(error.sqlstate())) {
            if (error.sqlstate() != ERRCODE_QUERY_CANCELED || answer.failures < most_timeouts) return Alone::failed;
        }
        return reject(answer, error);
    }
}

Pump::Alone Pump::reject(Answer& answer, const PgError& why) {
    const std::string attempt = "attempt " + std::to_string(answer.attempt);
    try {
        Transaction transaction(slot_, "pg_atelier: reject");
        const bool done =
            engine::settle_rejected({epoch_, answer.attempt, token_of(answer.payload).value_or(0), answer.payload,
                                     why.sqlstate_text(), core::to_storable_text(why.what(), 1000)});
        transaction.commit();
        if (!done) return Alone::locked;
        log_line(LogLevel::warning, ("pg_atelier could not settle the answer of " + attempt).c_str(), why.what());
        return Alone::settled;
    } catch (const PgError& error) {
        if (met_lock(error)) return Alone::locked;
        if (may_pass(error.sqlstate()) || answer.failures < most_rejections) return Alone::failed;
        constexpr const char* hint =
            "Mend what the message names and restart PostgreSQL: the answer to a paid call is "
            "then taken from the spool again. atelier.cancel_job() ends the job without it.";
        const std::string message =
            "the answer of " + attempt + " cannot be recorded: " + core::to_storable_text(error.what(), 1000);
        log_line(LogLevel::warning, ("pg_atelier gives up on the answer of " + attempt).c_str(), error.what(), hint);
        alert({"answer_not_settled", message, hint});
        given_up_.push_back(answer.attempt);
        answer.receipt = false;  // it is to be found again then
        return Alone::settled;
    }
}

// What cannot be skipped costs lock_timeout each time: it is met more and more rarely.
bool Pump::met_lock(const PgError& error) {
    if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE) return false;
    locked_pause_ = std::clamp(2 * locked_pause_, retry_locked_after, longest_retry_locked_after);
    return true;
}

bool Pump::release_apart(const Batch& batch, const PgError& why) {
    if (batch.releases == 0 && !batch.reclaim) return false;
    if (!met_lock(why)) return false;
    while (!releases_.empty()) {
        Release& release = releases_.front();
        while (!release.attempts.empty()) {
            Release one{{release.attempts.back()}, release.error_class, release.count_crash, release.message};
            if (!release_one(one)) locked_releases_.push_back(std::move(one));
            release.attempts.pop_back();
        }
        releases_.pop_front();
    }
    // What may be reclaimed all the same is not told from the rest.
    if (batch.reclaim) {
        reclaim_wanted_ = false;
        unreclaimed_ = true;
    }
    wait_for_locked();
    return true;
}

// False: its job is locked, or what it has to wait for.
bool Pump::release_one(const Release& release) {
    try {
        Transaction transaction(slot_, "pg_atelier: release one");
        const engine::LockedAttempts locked =
            engine::release(epoch_, release.attempts, release.error_class, release.count_crash, release.message);
        transaction.commit();
        return locked.empty();
    } catch (const PgError& error) {
        if (!met_lock(error)) throw;
        return false;
    }
}

void Pump::last_turn(core::Instant now) {
    not_before_ = {};
    if (retry_locked_at_) retry_locked_at_ = now;
    turn(now);
}

void Pump::failed(const PgError& error, core::Instant now) {
    // What the engine says to an incarnation that it does not know any more.
    if (error.sqlstate() == ERRCODE_ADMIN_SHUTDOWN) throw LeaveWorker(LeaveWorker::Why::superseded);
    const auto delay = std::min(first_backoff * (1 << std::min(failures_, 6)), longest_backoff);
    ++failures_;
    not_before_ = core::now() + delay;
    note_error(error.what());
    publish();
    if (logged_error_ == error.what() && now - logged_error_at_ < same_error_every) return;
    logged_error_ = error.what();
    logged_error_at_ = now;
    const std::string line = "pg_atelier: a turn failed (" + error.sqlstate_text() + "): " + error.what();
    log_line(LogLevel::warning, line.c_str(), error.detail()[0] != '\0' ? error.detail() : nullptr,
             error.hint()[0] != '\0' ? error.hint() : nullptr);
}

}  // namespace atelier::postgres
