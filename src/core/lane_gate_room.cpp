#include "core/lane_gate.hpp"

#include <algorithm>

namespace atelier::core {
namespace {

constexpr std::int64_t no_bound = RateLearner::boundless;
constexpr Instant never = Instant::max();
constexpr Milliseconds a_minute{60'000};

constexpr std::int64_t answers_for_one_more = 16;
constexpr Milliseconds time_for_one_more{3'000};
constexpr Milliseconds longest_silence{30'000};  // saturated without an answer: no reason to send more

}  // namespace

std::uint64_t LaneGate::unit(std::size_t axis) const {
    if (axis == requests) return 1;
    return std::max<std::uint64_t>(meters_[axis].usual, axis == images ? 1 : 0);
}

LaneGate::Room LaneGate::room_of_rate(const RateWindow& window, const LearnedRate& rate, std::size_t axis,
                                      Instant now) const {
    if (rate.count == 0) return {no_bound, now};
    // What is under way counts once it tells what it used; requests count when they begin.
    const std::uint64_t pending =
        axis == requests ? 0 : unit(axis) * static_cast<std::uint64_t>(std::max(0, in_flight_));
    const std::uint64_t used = window.used(rate.window, now) + pending;
    const std::uint64_t one = std::max<std::uint64_t>(1, unit(axis));
    if (used == 0) return {std::max<std::int64_t>(1, static_cast<std::int64_t>(rate.count / one)), now};
    if (used + one <= rate.count) return {static_cast<std::int64_t>((rate.count - used) / one), now};
    const std::uint64_t needed = pending + std::min(one, rate.count);
    if (needed > rate.count) return {0, never};
    return {0, window.free_at(rate.count - needed, rate.window, now)};
}

LaneGate::Room LaneGate::room_of_axis(std::size_t axis, Instant now) const {
    const Meter& meter = meters_[axis];
    Room room{no_bound, now};
    const auto narrow_to = [&room](Room other) {
        room.orders = std::min(room.orders, other.orders);
        if (other.orders == 0) room.more_at = std::max(room.more_at, other.more_at);
    };
    if (const auto limit = limits_.per_minute[axis]) {
        narrow_to(room_of_rate(meter.by_minute, {*limit, a_minute, false}, axis, now));
    }
    narrow_to(room_of_rate(meter.by_told, meter.told, axis, now));
    const auto one = static_cast<std::int64_t>(std::max<std::uint64_t>(1, unit(axis)));
    if (now < meter.left_until) {
        narrow_to({std::max<std::int64_t>(0, meter.left / one), meter.left_until});
    } else if (meter.limit > 0) {
        narrow_to({std::max<std::int64_t>(1, static_cast<std::int64_t>(meter.limit) / one), now});
    }
    if (axis == requests) narrow_to({learner_.room(now), learner_.more_at(now)});
    return room;
}

std::int32_t LaneGate::allowed(Instant now) const {
    if (learner_.paces()) return limits_.max_in_flight;
    std::int64_t most = growing_ ? std::max<std::int64_t>(base_, answered_growing_ / answers_for_one_more) : base_;
    most += saturated_for(now) / time_for_one_more;
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(most, 1, limits_.max_in_flight));
}

Milliseconds LaneGate::saturated_for(Instant now) const {
    if (!saturated_since_) return saturated_;
    return saturated_ + elapsed(*saturated_since_, std::min(now, heard_at_ + longest_silence));
}

LaneGate::Room LaneGate::room_in_flight(Instant now) const {
    const auto free = std::max(0, limits_.max_in_flight - in_flight_);
    if (free == 0) return {0, never};
    if (rest_until_ && now < *rest_until_) return {0, *rest_until_};
    if (breaker_.state() == Breaker::State::trying) return {0, never};
    if (breaker_.state() == Breaker::State::broken) {
        if (now < breaker_.tries_at()) return {0, breaker_.tries_at()};
        return {1, now};
    }
    const auto most = allowed(now);
    auto orders = most;
    if (breaker_.state() == Breaker::State::opening) orders = std::min(orders, breaker_.allowed());
    if (ramp_ > 0 && !learner_.paces()) orders = std::min(orders, ramp_);
    orders = std::min(orders - of_phase_, free);
    if (orders > 0) return {orders, now};
    const bool grows =
        saturated_since_ && of_phase_ >= most && most < limits_.max_in_flight && now < heard_at_ + longest_silence;
    if (!grows) return {0, never};
    return {0, now + time_for_one_more - saturated_for(now) % time_for_one_more};
}

LaneGate::Room LaneGate::all_room(Instant now) const {
    Room room = room_in_flight(now);
    for (std::size_t axis = 0; axis < axis_count; ++axis) {
        const Room other = room_of_axis(axis, now);
        room.orders = std::min(room.orders, other.orders);
        if (other.orders == 0) room.more_at = std::max(room.more_at, other.more_at);
    }
    return room;
}

std::int32_t LaneGate::room(Instant now) const {
    return static_cast<std::int32_t>(std::min<std::int64_t>(all_room(now).orders, limits_.max_in_flight));
}

std::optional<Instant> LaneGate::opens_at(Instant now) const {
    const Room room = all_room(now);
    if (room.orders > 0 || room.more_at == never) return std::nullopt;
    return std::max(room.more_at, now + Milliseconds{1});
}

}  // namespace atelier::core
