#include "core/rate_learner.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace atelier::core {
namespace {

using std::chrono::seconds;

constexpr double least_step = 0.05;
constexpr double most_sure_step = 0.25;
constexpr double most_step = 1.0;
constexpr double back_off = 0.9;
constexpr std::uint64_t many = 5;
constexpr std::int64_t long_patience = 100;
constexpr std::int64_t most_patience = 10'000;
constexpr Milliseconds longest_window{std::chrono::hours{24 * 31}};
constexpr Milliseconds unlearned_span{60'000};

double per_ms(std::int64_t count, Milliseconds window) {
    return static_cast<double>(count) / static_cast<double>(std::max<std::int64_t>(1, window.count()));
}

double per_ms(const LearnedRate& rate) {
    return per_ms(static_cast<std::int64_t>(rate.count), rate.window);
}

bool held_long(const RateLearner::Refusal& refusal, Instant now) {
    return 2 * refusal.held > elapsed(refusal.since, now);
}

Milliseconds window_for(std::uint64_t count, double count_per_ms) {
    const double ms = std::ceil(static_cast<double>(count) / count_per_ms);
    return Milliseconds{static_cast<std::int64_t>(std::clamp(ms, 1.0, static_cast<double>(longest_window.count())))};
}

std::int64_t left_of(const LearnedRate& rate, const RateWindow& log, Instant now) {
    return static_cast<std::int64_t>(rate.count) - static_cast<std::int64_t>(log.used(rate.window, now));
}

std::int64_t first_patience(std::uint64_t count, bool sure) {
    const auto whole = static_cast<std::int64_t>(std::min<std::uint64_t>(count, most_patience));
    if (!sure && count < many) return 5;
    return std::clamp<std::int64_t>(2 * whole, 20, most_patience);
}

// Services count in round times: what is a little less than one was measured late.
Milliseconds rounded(Milliseconds window) {
    const Milliseconds unit{window < seconds{30} ? 1'000 : window < seconds{300} ? 5'000 : 60'000};
    const auto up = (window + unit - Milliseconds{1}) / unit * unit;
    return window >= seconds{5} && up <= window + window / 16 ? up : window;
}

}  // namespace

std::int64_t RateLearner::room(Instant now) const {
    if (rate_.count == 0) return boundless;
    std::int64_t left = std::max<std::int64_t>(0, left_of(rate_, log_, now));
    if (trust_ == Trust::window_used) left = std::min<std::int64_t>(1, left);
    if (trust_ == Trust::first_under_way) return 0;
    if (!proven_) return left;
    const std::int64_t sure = std::max<std::int64_t>(0, left_of(*proven_, log_, now));
    const std::int64_t daring = std::max<std::int64_t>(0, 1 + beyond_succeeded_ - beyond_in_flight_);
    return std::min(left, std::max(sure, daring));
}

Instant RateLearner::more_at(Instant now) const {
    if (rate_.count == 0) return now;
    if (trust_ == Trust::first_under_way) return Instant::max();
    const bool daring = !proven_ || beyond_in_flight_ <= beyond_succeeded_;
    const LearnedRate& by = daring ? rate_ : *proven_;
    return log_.free_at(by.count - 1, by.window, now);
}

bool RateLearner::begun(Instant now) {
    const bool beyond = proven_ && left_of(*proven_, log_, now) <= 0;
    log_.add(1, now);
    if (beyond) ++beyond_in_flight_;
    if (trust_ == Trust::window_used) trust_ = Trust::first_under_way;
    if (rate_.count > 0 && left_of(rate_, log_, now) <= 0) {
        limited_until_ = now + 2 * rate_.window;
        if (trust_ == Trust::none) trust_ = Trust::window_used;
    }
    return beyond;
}

void RateLearner::ended_otherwise(bool beyond) noexcept {
    if (trust_ == Trust::first_under_way) trust_ = Trust::window_used;
    if (beyond && beyond_in_flight_ > 0) --beyond_in_flight_;
}

void RateLearner::succeeded(bool beyond, Instant now) {
    if (trust_ == Trust::first_under_way) trust_ = Trust::full;
    ended_otherwise(beyond);
    if (rate_.count == 0 || !limited_until_ || now > *limited_until_) return;
    ++succeeded_;
    if (!proven_) {
        if (succeeded_ >= patience_) raise(now);
        return;
    }
    if (beyond) ++beyond_succeeded_;
    const auto enough = std::clamp<std::int64_t>(static_cast<std::int64_t>(rate_.count / 4), 3, 16);
    if (beyond_succeeded_ < enough || succeeded_ < patience_) return;
    before_raise_ = std::exchange(proven_, std::nullopt);
    raise_trusted_at_ = now + std::max(2 * before_raise_->window, elapsed(raised_at_, now));
    step_ = std::max(step_, std::min(step_ * 2, most_sure_step));
    succeeded_ = 0;
    patience_ = first_patience(rate_.count, true);
    if (per_ms(rate_) > 10) set({}, Sureness::full, now);
}

void RateLearner::raise(Instant now) {
    proven_ = rate_;
    raised_at_ = now;
    rate_.window = std::max(Milliseconds{1}, window_for(rate_.count, per_ms(rate_) * (1 + step_)));
    if (rate_.window == proven_->window && rate_.window > Milliseconds{1}) rate_.window -= Milliseconds{1};
    beyond_in_flight_ = beyond_succeeded_ = succeeded_ = 0;
    limited_until_ = now + 2 * proven_->window;
}

// The time from the begin of the `count`th before the one that was refused to that one's.
std::optional<Milliseconds> RateLearner::span_of(std::uint64_t count, Instant now) const {
    const auto first = log_.age_of(count + 1, now);
    const auto last = log_.age_of(1, now);
    return first && last ? std::optional(*first - *last) : std::nullopt;
}

// What a service says when it refuses a rate that is too high tells how much too high it is.
void RateLearner::give_up_raise(const Refusal& refusal, Instant now) {
    const auto tried = rate_.window;
    const bool lived_on_savings = before_raise_ && now < raise_trusted_at_;
    rate_ = lived_on_savings ? *before_raise_ : *proven_;
    proven_.reset();
    before_raise_.reset();
    patience_ *= rate_.count < many ? 2 : 4;
    if (const auto span = span_of(rate_.count, now);
        refusal.told && span && step_ >= most_sure_step && !lived_on_savings) {
        const auto exact = *span + elapsed(now, refusal.next);
        const auto shown = rounded(exact + exact / 64);
        // A service that saved up what was not used shows less than a window.
        if (2 * shown > tried + rate_.window && shown < rate_.window) {
            rate_.window = shown;
            step_ = least_step;
            patience_ = std::max(patience_, long_patience);
        }
    }
    step_ = std::max(least_step, step_ / 4);
    patience_ = std::min(patience_, most_patience);
    succeeded_ = beyond_in_flight_ = 0;
}

RateLearner::Sureness RateLearner::sureness(const Refusal& refusal, Milliseconds wait) {
    if (!refusal.whole || !refusal.told) return Sureness::none;
    const bool whole_seconds = wait % seconds{1} == Milliseconds{0};
    return (whole_seconds && wait < seconds{10}) || (refusal.slow && refusal.count > 2) ? Sureness::some
                                                                                        : Sureness::full;
}

void RateLearner::first_refused(const Refusal& refusal, Instant now) {
    // Before a short time of demand there may have been other requests, of the same window.
    const auto used = static_cast<std::int64_t>(log_.used(unlearned_span, now)) - 1;
    if (!refusal.whole && elapsed(now, refusal.next) < unlearned_span &&
        per_ms(used, unlearned_span) > per_ms(refused_count_, elapsed(refused_since_, refusal.next))) {
        refused_count_ = used;
        refused_since_ = refusal.next - unlearned_span;
    }
    counted_ = true;
    const auto learned = static_cast<std::uint64_t>(refused_count_);
    set({learned, window_for(learned, per_ms(refused_count_, elapsed(refused_since_, refusal.next)))},
        sureness(refusal, elapsed(now, refusal.next)), now);
}

bool RateLearner::refused(const Refusal& refusal, Instant now) {
    refused_count_ = std::max<std::int64_t>(1, refusal.count);
    refused_since_ = refusal.since;
    counted_ = false;
    const bool raised = proven_.has_value();
    if (raised) {
        give_up_raise(refusal, now);
    } else if (rate_.count == 0) {
        first_refused(refusal, now);
    } else if (before_raise_ && now < raise_trusted_at_) {
        const auto patience = patience_;
        set(LearnedRate(*before_raise_), Sureness::full, now);
        patience_ = std::min(most_patience, 4 * patience);
    } else if (!refusal.whole || !learned_from_all(refusal, now)) {
        lengthen(refusal, now);
    }
    // Should it refuse the next one too, this rate is what was too high.
    refused_count_ = static_cast<std::int64_t>(rate_.count);
    refused_since_ = refusal.next - rate_.window;
    return !raised;
}

// What went through since the last refusal, without the time that this rate held it back. False: no fewer than are
// known to go well at once, or not more slowly.
bool RateLearner::learned_from_all(const Refusal& refusal, Instant now) {
    const auto held = std::min(refusal.held, elapsed(refusal.since, now));
    const double seen = per_ms(refused_count_, elapsed(refusal.since, refusal.next) - held);
    const double known = per_ms(rate_);
    const auto most = static_cast<std::int64_t>(rate_.count);
    const Sureness sure = sureness(refusal, elapsed(now, refusal.next));
    counted_ = true;
    if (guessed_ && 2 * refused_count_ >= most) {
        const auto learned = static_cast<std::uint64_t>(refused_count_);
        set({learned, window_for(learned, seen)}, sure, now);
        return true;
    }
    // Held back for long, they were too few to tell anything.
    if (refused_count_ >= most || held_long(refusal, now) || (held > Milliseconds{0} && seen >= known)) {
        counted_ = false;
        return false;
    }
    // So much less than was known to go well may be the work of others, and over soon.
    const bool doubtful = sure_ != Sureness::none && 4 * seen < known;
    lower_to(std::min(seen, known), refused_count_, doubtful ? Sureness::none : sure, now);
    return true;
}

// As many as are known to go well at once have gone through, or might have: it is their window that is too short.
void RateLearner::lengthen(const Refusal& refusal, Instant now) {
    const auto wait = elapsed(now, refusal.next);
    const auto most = static_cast<std::int64_t>(rate_.count);
    const auto shown = span_of(rate_.count, now).value_or(rate_.window) + wait;
    double later = per_ms(most, std::max(shown, rate_.window + wait / 2));
    // A word in whole seconds is no measure of a short time; and of a window that began with others' requests, or with
    // those before an idle time, only a part is known.
    const bool after_own = refusal.whole && held_long(refusal, now) && wait > seconds{2};
    if (!refusal.told || (wait <= 2 * rate_.window && !after_own)) later = std::max(later, per_ms(rate_) * back_off);
    // Of many windows all tell more than the last, but for the first ones, when orders come slowly.
    const auto latest = refused_count_ * 3 / 4;
    if (const auto span = span_of(static_cast<std::uint64_t>(latest), now); refusal.whole && span && latest > most) {
        later = std::min(later, per_ms(latest, *span + wait));
    }
    const auto patience = patience_;
    lower_to(later, most, sureness(refusal, wait), now);
    patience_ = std::min(most_patience, std::max(2 * patience, patience_));
}

void RateLearner::lower_to(double allowed, std::int64_t most, Sureness sure, Instant now) {
    const auto count = std::min(rate_.count, static_cast<std::uint64_t>(most));
    set({count, window_for(count, allowed)}, sure, now);
}

void RateLearner::refused_again(Instant next, bool told, Instant now) {
    if (rate_.count == 0 || refused_count_ == 0) return;
    const double allowed = per_ms(refused_count_, elapsed(refused_since_, next));
    if (allowed < per_ms(rate_)) lower_to(allowed, refused_count_, Sureness::none, now);
    guessed_ = !told;
}

void RateLearner::one_less() noexcept {
    if (!counted_ || rate_.count <= 1) return;
    --rate_.count;
    --refused_count_;
}

void RateLearner::set(const LearnedRate& rate, Sureness sure, Instant now) {
    rate_ = rate;
    rate_.told = false;
    if (rate_.count >= many) rate_.window = rounded(rate_.window);
    proven_.reset();
    beyond_in_flight_ = beyond_succeeded_ = succeeded_ = 0;
    guessed_ = false;
    sure_ = sure;
    before_raise_.reset();
    patience_ = first_patience(rate_.count, sure != Sureness::none);
    step_ = sure == Sureness::full ? least_step : sure == Sureness::some ? most_sure_step : most_step;
    limited_until_ = now + 2 * rate_.window;
    trust_ = rate_.count >= many ? Trust::none : Trust::full;
    log_.set_span(rate_.count > 0 ? rate_.window : unlearned_span);
}

void RateLearner::recall(const LearnedRate& rate, Instant now) {
    if (rate.count == 0 || rate.told) return;
    set(rate, Sureness::full, now);
    log_.assume(rate_.count, rate_.window, now);
}

}  // namespace atelier::core
