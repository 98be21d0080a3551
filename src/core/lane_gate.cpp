#include "core/lane_gate.hpp"

#include <algorithm>

namespace atelier::core {
namespace {

constexpr std::int32_t first_in_flight = 3;
constexpr Milliseconds least_rest{20};
constexpr Milliseconds rest_of_executor{5'000};
constexpr Milliseconds demand_pause{1'000};  // room that nobody took for so long: there was no demand

}  // namespace

LaneGate::LaneGate(const LaneLimits& limits, Instant now, std::uint32_t seed)
    : limits_(limits),
      breaker_(seed),
      growing_(!limits.trusted),
      base_(limits.trusted ? limits.max_in_flight : first_in_flight),
      busy_since_(now) {}

void LaneGate::configure(const LaneLimits& limits, Instant now) {
    if (limits == limits_) return;
    settle_growth(now);
    if (limits.trusted && (!limits_.trusted || limits.max_in_flight != limits_.max_in_flight)) {
        growing_ = false;
        base_ = limits.max_in_flight;
        saturated_ = Milliseconds{0};
    }
    limits_ = limits;
    look_around(now);
}

void LaneGate::recall(const LearnedPace& learned, Instant now) {
    for (std::size_t axis = 0; axis < axis_count; ++axis) {
        const LearnedRate& rate = learned.rates[axis];
        if (rate.count == 0 || rate.window.count() <= 0) continue;
        if (rate.told) {
            meters_[axis].told = rate;
            meters_[axis].by_told.set_span(rate.window);
            meters_[axis].by_told.assume(rate.count, rate.window, now);
        } else if (axis == requests) {
            learner_.recall(rate, now);
        }
    }
    if (learned.in_flight > 0) {
        growing_ = false;
        base_ = went_well_ = learned.in_flight;
        narrowed_ = learner_.rate().count > 0;
    }
    look_around(now);
}

void LaneGate::rest_until(Instant until, Instant now) {
    if (until > now) rest(until, true);
    look_around(now);
}

void LaneGate::reopen(Instant now) {
    breaker_.close();
    if (outage_since_) outage_last_ = std::min(outage_last_, phase_);
    next_phase();
    rest_until_.reset();
    refused_in_a_row_ = 0;
    ramp_ = 1;
    learner_ = RateLearner{};
    for (Meter& meter : meters_)
        meter.forget_told();
    // How few at once are enough for a rate is forgotten with the rate.
    if (narrowed_) {
        growing_ = !limits_.trusted;
        base_ = limits_.trusted ? limits_.max_in_flight : std::max(base_, first_in_flight);
        went_well_ = 0;
        narrowed_ = false;
    }
    room_since_.reset();
    held_since_.reset();
    held_ = Milliseconds{0};
    busy_since_ = now;
    busy_begun_ = 0;
    after_rest_ = false;
    look_around(now);
}

void LaneGate::Meter::forget_told() noexcept {
    by_told = RateWindow{};
    told = LearnedRate{};
    left = 0;
    left_until = Instant{};
    limit = 0;
    span = Milliseconds{0};
}

void LaneGate::next_phase() noexcept {
    phase_ = (phase_ + 1) & (boundless >> 1);
    of_phase_ = 0;
    saturated_since_.reset();
}

LaneGate::Order LaneGate::order_of(Round round) noexcept {
    return {static_cast<Phase>(round >> 33), static_cast<std::uint32_t>(round >> 1), (round & 1) != 0};
}

void LaneGate::leave(Phase phase) noexcept {
    in_flight_ = std::max(0, in_flight_ - 1);
    if (phase == phase_) of_phase_ = std::max(0, of_phase_ - 1);
}

void LaneGate::settle_growth(Instant now) {
    saturated_ = saturated_for(now);
    saturated_since_.reset();
    if (of_phase_ > 0 && of_phase_ >= allowed(now)) saturated_since_ = now;
}

// Keeps since when there has been room without an order that took it.
void LaneGate::look_around(Instant now) {
    settle_growth(now);
    if (!held_since_ && learner_.room(now) == 0 && room_in_flight(now).orders > 0) held_since_ = now;
    const Room room = all_room(now);
    if (room.orders == 0) {
        room_since_ = room.more_at == Instant::max() ? std::nullopt : std::optional(room.more_at);
    } else if (!room_since_ || *room_since_ > now) {
        room_since_ = now;
    }
}

LaneGate::Round LaneGate::begun(Instant now) {
    if (held_since_) held_ += elapsed(*held_since_, now);
    held_since_.reset();
    if (room_since_ && now > *room_since_ + demand_pause) {
        busy_since_ = now;
        busy_begun_ = 0;
        held_ = Milliseconds{0};
        after_rest_ = false;
    } else if (rest_until_) {
        busy_since_ = *rest_until_;
        busy_begun_ = 0;
        held_ = elapsed(*rest_until_, room_since_.value_or(now));
        // A moment of it is no reason to think less of what comes now.
        if (4 * held_ < 3 * learner_.rate().window) held_ = Milliseconds{0};
        after_rest_ = rest_by_service_;
    }
    if (rest_until_ && *rest_until_ <= now) rest_until_.reset();
    room_since_.reset();
    breaker_.begun();
    if (in_flight_ == 0) heard_at_ = now;
    ++started_;
    ++busy_begun_;
    ++in_flight_;
    ++of_phase_;
    for (std::size_t axis = 0; axis < axis_count; ++axis) {
        Meter& meter = meters_[axis];
        if (meter.limit > 0 && now >= meter.left_until) {
            meter.left = static_cast<std::int64_t>(meter.limit);
            meter.left_until = now + meter.span;
        }
        meter.left -= static_cast<std::int64_t>(unit(axis));
    }
    meters_[requests].by_minute.add(1, now);
    meters_[requests].by_told.add(1, now);
    const bool beyond = learner_.begun(now);
    look_around(now);
    return Round{phase_} << 33 | Round{static_cast<std::uint32_t>(started_)} << 1 | (beyond ? 1u : 0u);
}

bool LaneGate::ended(Round round, const Pace& pace, Instant now) {
    if (pace.kind == PaceKind::unknown) {
        forgotten(round);
        return false;
    }
    const Order order = order_of(round);
    const bool current = order.phase == phase_;
    settle_growth(now);
    leave(order.phase);
    heard_at_ = now;
    use(pace, now);
    bool is_excused = false;
    switch (pace.kind) {
        case PaceKind::answered:
            succeed(order, now);
            break;
        case PaceKind::rate_limited:
            refuse(order.phase, pace, now);
            learner_.not_counted(1);
            break;
        case PaceKind::failed:
            is_excused = fail(order, now);
            break;
        case PaceKind::unknown:
            break;
        case PaceKind::rest:
            if (current) {
                breaker_.try_again();
                next_phase();
                rest(now + std::max(least_rest, pace.retry_after.value_or(rest_of_executor)), false);
            }
            break;
    }
    if (pace.kind != PaceKind::answered || !current) learner_.ended_otherwise(order.beyond);
    for (const AxisLimit& told : pace.limits)
        hear(told, order, now);
    look_around(now);
    return is_excused;
}

void LaneGate::forgotten(Round round) {
    const Order order = order_of(round);
    leave(order.phase);
    learner_.ended_otherwise(order.beyond);
    saturated_since_.reset();
    if (order.phase == phase_) breaker_.try_again();
}

GateView LaneGate::view(Instant now) const {
    GateView view;
    std::optional<Instant> held = rest_until_;
    for (const Meter& meter : meters_) {
        if (now < meter.left_until && meter.left <= 0 && in_flight_ == 0)
            held = std::max(held.value_or(now), meter.left_until);
    }
    if (breaker_.state() == Breaker::State::broken) {
        view.state = GateState::broken;
        view.until = breaker_.tries_at();
    } else if (breaker_.state() == Breaker::State::trying) {
        view.state = GateState::trying;
    } else if (held && now < *held) {
        view.state = GateState::resting;
        view.until = held;
    } else if (breaker_.state() == Breaker::State::opening || ramp_ > 0) {
        view.state = GateState::opening;
    }
    view.in_flight = in_flight_;
    view.allowed = allowed(now);
    for (std::size_t axis = 0; axis < axis_count; ++axis)
        view.learned.rates[axis] = meters_[axis].told;
    if (learner_.rate().count > 0) view.learned.rates[requests] = learner_.rate();
    view.learned.in_flight = limits_.trusted && base_ >= limits_.max_in_flight ? 0 : went_well_;
    view.started = started_;
    view.answered = answered_;
    view.refused = refused_;
    view.failed = failed_;
    return view;
}

}  // namespace atelier::core
