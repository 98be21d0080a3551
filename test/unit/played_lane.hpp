#pragma once
// A gate of a lane and its clock, for tests.

#include <optional>
#include <vector>

#include "core/lane_gate.hpp"

namespace atelier::core {

inline LaneLimits unknown_lane(std::int32_t max_in_flight = 32) {
    return {max_in_flight, false, {}};
}

inline LaneLimits trusted_lane(std::int32_t max_in_flight) {
    return {max_in_flight, true, {}};
}

inline LaneLimits by_minute(std::uint64_t requests, std::uint64_t tokens = 0, std::uint64_t images = 0) {
    LaneLimits limits = trusted_lane(1000);
    limits.per_minute[0] = requests;
    if (tokens > 0) limits.per_minute[1] = tokens;
    if (images > 0) limits.per_minute[2] = images;
    return limits;
}

inline Pace answered() {
    return {};
}

inline Pace refused(std::optional<Milliseconds> retry_after = std::nullopt) {
    Pace pace;
    pace.kind = PaceKind::rate_limited;
    pace.retry_after = retry_after;
    return pace;
}

inline Pace failed() {
    Pace pace;
    pace.kind = PaceKind::failed;
    return pace;
}

// A gate and its clock.
struct Played {
    explicit Played(const LaneLimits& limits, std::uint32_t seed = 0) : gate(limits, Instant{}, seed) {}

    Instant now{};
    LaneGate gate;

    void wait(Milliseconds time) { now += time; }
    std::int32_t room() const { return gate.room(now); }
    GateState state() const { return gate.view(now).state; }
    Milliseconds until_open() const {
        const auto at = gate.opens_at(now);
        return at ? elapsed(now, *at) : Milliseconds{-1};
    }
    std::vector<LaneGate::Round> begin(int count) {
        std::vector<LaneGate::Round> rounds;
        for (int i = 0; i < count; ++i)
            rounds.push_back(gate.begun(now));
        return rounds;
    }
    int end(const std::vector<LaneGate::Round>& rounds, const Pace& pace) {
        int excused = 0;
        for (const auto round : rounds)
            excused += gate.ended(round, pace, now);
        return excused;
    }
    // As many as there is room for, each ended by the same pace at once.
    int pass(const Pace& pace) {
        const int count = room();
        end(begin(count), pace);
        return count;
    }
    void break_it() {
        for (int i = 0; i < 5; ++i)
            end(begin(1), failed());
    }
};

}  // namespace atelier::core
