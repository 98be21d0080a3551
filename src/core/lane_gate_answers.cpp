#include "core/lane_gate.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace atelier::core {
namespace {

constexpr std::chrono::hours outage_is_excused{1};

constexpr Milliseconds whole_second{1'000};
constexpr Milliseconds least_rest{20};
constexpr Milliseconds first_rest{1'000};
constexpr Milliseconds second_rest{5'000};
constexpr Milliseconds longest_rest{120'000};
constexpr Milliseconds usual_window{61'000};
constexpr std::uint64_t many_at_once = 5;  // a service that lets so many in counts them within a window
constexpr Milliseconds rest_of_day{std::chrono::hours{1}};

// Also where the numbers begin anew.
bool began_before(std::uint32_t number, std::uint32_t other) {
    return static_cast<std::int32_t>(number - other) < 0;
}

Milliseconds clamp_window(double ms) {
    constexpr double most = 31.0 * 24 * 3600 * 1000;
    return Milliseconds{static_cast<std::int64_t>(std::clamp(std::ceil(ms), 1.0, most))};
}

}  // namespace

void LaneGate::succeed(const Order& order, Instant now) {
    ++answered_;
    if (order.phase != phase_) {
        // Begun after a refusal, it was let in before the last one.
        if (refused_in_a_row_ > 1 && order.phase > refused_first_) refused_in_a_row_ = 1;
        return;
    }
    refused_in_a_row_ = 0;
    ++answered_growing_;
    const auto most = allowed(now);
    went_well_ = std::max(went_well_, std::min(most, of_phase_ + 1));
    if (ramp_ > 0 && ++ramp_ > most) ramp_ = 0;
    learner_.succeeded(order.beyond, now);
    // What began before all that failed shows how the service was, not how it is.
    const bool was_well = breaker_.state() == Breaker::State::closed;
    if (was_well && breaker_.failures_in_a_row() > 0 && began_before(order.number, failed_first_)) return;
    breaker_.succeeded(most);
    if (!was_well && breaker_.state() == Breaker::State::closed) outage_last_ = phase_ - 1;
}

bool LaneGate::excused(Phase phase, Instant now) const {
    return outage_since_ && now - *outage_since_ <= outage_is_excused && phase >= outage_first_ &&
           phase <= outage_last_;
}

bool LaneGate::fail(const Order& order, Instant now) {
    ++failed_;
    if (order.phase == phase_) {
        const auto number = order.number;
        if (breaker_.failures_in_a_row() == 0 || began_before(number, failed_first_)) failed_first_ = number;
        const bool was_well = breaker_.state() == Breaker::State::closed;
        if (breaker_.failed(now)) {
            if (was_well) {
                outage_since_ = breaker_.failing_since();
                outage_first_ = phase_;
                outage_last_ = boundless;
            }
            next_phase();
        }
    }
    return excused(order.phase, now);
}

Milliseconds LaneGate::rest_of(const Pace& pace, Instant now) const {
    Milliseconds doubled = first_rest;
    for (int i = 1; i < refused_in_a_row_ && doubled < longest_rest; ++i)
        doubled *= 2;
    doubled = std::min(doubled, longest_rest);
    if (pace.retry_after) {
        const bool in_vain = refused_in_a_row_ > 3;
        return std::max({least_rest, *pace.retry_after, in_vain ? doubled / 8 : Milliseconds{0}});
    }
    if (pace.daily) return rest_of_day;
    // Without a word of the service: what was learned tells when its window ends, or else it is the most usual one.
    if (refused_in_a_row_ == 1) {
        const LearnedRate& rate = learner_.rate();
        if (busy_begun_ <= static_cast<std::int64_t>(rate.count / 2) || rate.count == 0) return first_rest;
        const auto window = rate.window < 2 * usual_window ? std::min(rate.window, usual_window) : rate.window;
        return std::max(first_rest, elapsed(now, busy_since_ + window));
    }
    if (learner_.rate().count < many_at_once) return doubled;
    if (refused_in_a_row_ == 2) return second_rest;
    if (refused_in_a_row_ == 3) return std::max(doubled, elapsed(now, learned_since_ + usual_window));
    if (refused_in_a_row_ == 4) return std::max(doubled, elapsed(now, learned_at_ + usual_window));
    return doubled;
}

void LaneGate::rest(Instant until, bool by_service) {
    rest_until_ = std::max(until, rest_until_.value_or(until));
    rest_by_service_ = by_service;
    // What the executor does not take it may take of others: it is no reason to send one order at a time.
    if (by_service) ramp_ = 1;
}

void LaneGate::refuse(Phase phase, const Pace& pace, Instant now) {
    ++refused_;
    if (phase != phase_) {
        if (phase == learned_phase_) learner_.one_less();
        if (rest_until_ && now < *rest_until_ && pace.retry_after) {
            rest_until_ = std::max(*rest_until_, now + *pace.retry_after);
        }
        return;
    }
    // It lives. What it refuses says nothing of how well it is.
    breaker_.succeeded(allowed(now));
    if (++refused_in_a_row_ == 1) refused_first_ = phase_;
    const Instant next = now + rest_of(pace, now);
    const bool says_why =
        pace.daily || std::any_of(pace.limits.begin(), pace.limits.end(), [this](const AxisLimit& told) {
            const auto one = std::max<std::uint64_t>(1, unit(static_cast<std::size_t>(told.axis)));
            return told.remaining && *told.remaining < one;
        });
    if (!says_why) learn(next, pace.retry_after.has_value(), now);
    next_phase();
    rest(next, true);
}

void LaneGate::learn(Instant next, bool told, Instant now) {
    if (busy_begun_ > 1) {
        if (learner_.refused(
                {busy_begun_ - 1, busy_since_, after_rest_, next, told, ramp_ > 0 && !learner_.paces(), held_}, now)) {
            narrow(elapsed(busy_since_, now), elapsed(busy_since_, next), now);
        }
        learned_phase_ = phase_;
        learned_since_ = busy_since_;
        learned_at_ = now;
    } else if (refused_in_a_row_ > 1) {
        learner_.refused_again(next, told, now);
    }
}

// So many as keep up what was allowed when they are spread over the whole window, and half as many more.
void LaneGate::narrow(Milliseconds active, Milliseconds window, Instant now) {
    const double share =
        static_cast<double>(active.count()) / static_cast<double>(std::max<std::int64_t>(1, window.count()));
    const auto most = allowed(now);
    base_ = std::min(most, static_cast<std::int32_t>(std::ceil(1.5 * most * share)) + 1);
    went_well_ = base_;
    growing_ = false;
    narrowed_ = true;
    saturated_ = Milliseconds{0};
    saturated_since_.reset();
}

void LaneGate::use(const Pace& pace, Instant now) {
    const std::array<std::uint64_t, axis_count> amounts{0, pace.tokens, pace.images};
    for (std::size_t axis = 0; axis < axis_count; ++axis) {
        const std::uint64_t amount = amounts[axis];
        if (amount == 0) continue;
        Meter& meter = meters_[axis];
        meter.usual = meter.usual == 0 ? amount : (meter.usual * 7 + amount + 4) / 8;
        meter.by_minute.add(amount, now);
        meter.by_told.add(amount, now);
    }
}

void LaneGate::hear(const AxisLimit& told, const Order& order, Instant now) {
    Meter& meter = meters_[static_cast<std::size_t>(told.axis)];
    const std::uint64_t one = std::max<std::uint64_t>(1, unit(static_cast<std::size_t>(told.axis)));
    hear_window(told, meter);
    if (!told.remaining) return;
    std::uint64_t under_way = one * static_cast<std::uint64_t>(in_flight_);
    if (told.limit && *told.limit > *told.remaining && meter.told.count == *told.limit) {
        const std::uint64_t most = *told.limit - *told.remaining + under_way;
        if (meter.by_told.used(meter.told.window, now) > most) meter.by_told.assume(most, meter.told.window, now);
    }
    if (!told.reset && !told.window) return;
    // Requests count when they begin: an answer knows nothing of those that began after its own.
    if (&meter == &meters_[requests] && told.reset) {
        if (now < meter.left_until && began_before(order.number, meter.left_after)) return;
        meter.left_after = order.number;
        under_way = static_cast<std::uint32_t>(started_) - order.number;
    }
    meter.left = static_cast<std::int64_t>(*told.remaining) - static_cast<std::int64_t>(under_way);
    hear_left(told, meter, one, now);
}

// A reset names no window: it is the end of one at one service, and the time to a full bucket at another. What is left
// until then, and the whole limit from then on, is right for both.
void LaneGate::hear_window(const AxisLimit& told, Meter& meter) {
    if (!told.limit || *told.limit == 0) return;
    if (told.window && (meter.told.count != *told.limit || meter.told.window != *told.window)) {
        meter.told = {*told.limit, *told.window, true};
        meter.by_told.set_span(*told.window);
    }
    if (told.reset && told.remaining) {
        if (meter.limit != *told.limit) meter.span = Milliseconds{0};
        meter.limit = std::min<std::uint64_t>(*told.limit, INT64_MAX);
        meter.span = std::max(meter.span, *told.reset);
    }
}

void LaneGate::hear_left(const AxisLimit& told, Meter& meter, std::uint64_t one, Instant now) {
    if (!told.reset) {
        meter.left_until = now + (*told.remaining == 0 ? *told.window / 12 : *told.window);
        return;
    }
    auto reset = *told.reset;
    if (told.limit && *told.limit > *told.remaining && *told.remaining > 0 && *told.remaining < one) {
        const auto missing = std::min(
            1.0, static_cast<double>(one - *told.remaining) / static_cast<double>(*told.limit - *told.remaining));
        reset = clamp_window(static_cast<double>(reset.count()) * missing);
    }
    // Whole seconds may be rounded down: the latest of such words on one end is nearest to it.
    const Instant until = now + reset;
    const bool coarse = *told.reset % whole_second == Milliseconds{0};
    const bool same = coarse && until < meter.left_until && meter.left_until - until < whole_second;
    if (!same) meter.left_until = until;
}

}  // namespace atelier::core
