#pragma once
// How many orders may begin in one lane, and when more may. Pure: every function is told the time, which never goes
// back.
//
// What the operator set bounds everything; below it the gate learns. Rates are kept as a count within a trailing window
// of time, on several axes at once: as the service tells them (headers), or as its refusals show (so many went through
// since the last rest, and the next one may only begin then). A lane that was never refused is approached with care;
// one whose service fails is closed, tried with one order at a time, and opened slowly.

#include <array>
#include <cstdint>
#include <optional>

#include "core/breaker.hpp"
#include "core/clock.hpp"
#include "core/pace.hpp"
#include "core/rate_learner.hpp"
#include "core/rate_window.hpp"

namespace atelier::core {

// What the operator says.
struct LaneLimits {
    std::int32_t max_in_flight = 1;
    // The operator named max_in_flight, or the work is done on this machine: there is nothing to be careful about.
    bool trusted = false;
    std::array<std::optional<std::uint64_t>, axis_count> per_minute;  // by Axis

    bool operator==(const LaneLimits&) const = default;
};

enum class GateState : std::uint8_t {
    open,
    resting,  // the service, or the executor, asked for it; ends by the clock
    broken,   // the service failed again and again; ends by the clock, with one order that tries
    trying,   // that order is under way
    opening,  // it went well: each success lets in one more
};

// What is worth to survive the worker.
struct LearnedPace {
    std::array<LearnedRate, axis_count> rates;
    std::int32_t in_flight = 0;  // that went well; 0: nothing is known

    bool operator==(const LearnedPace&) const = default;
};

// What to show of a gate.
struct GateView {
    GateState state = GateState::open;
    std::optional<Instant> until;  // resting, broken
    std::int32_t in_flight = 0;
    std::int32_t allowed = 0;  // in flight at present, by what was learned
    LearnedPace learned;
    std::uint64_t started = 0;  // since the gate was made, as all below
    std::uint64_t answered = 0;
    std::uint64_t refused = 0;  // rate_limited
    std::uint64_t failed = 0;
};

class LaneGate {
  public:
    // Identity of an order to its gate: when it began, and in which phase of the gate.
    using Round = std::uint64_t;

    // Lanes with different seeds do not try a broken service at the same moment.
    LaneGate(const LaneLimits& limits, Instant now, std::uint32_t seed = 0);

    // Takes effect at once; what was learned stays.
    void configure(const LaneLimits& limits, Instant now);
    // After a restart: what its predecessor had learned. Windows count as used up, evenly.
    void recall(const LearnedPace& learned, Instant now);
    // Nothing begins before `until`: a rest that was asked for before the restart.
    void rest_until(Instant until, Instant now);
    // Somebody knows better: no rest, no breaker, nothing that refusals or the service's own words taught of its rate;
    // careful from here on.
    void reopen(Instant now);

    // How many orders may begin now, 0 to max_in_flight.
    std::int32_t room(Instant now) const;
    // When room() may be more than 0 without an answer, later than `now`; nullopt: only an answer makes room, or there
    // is room.
    std::optional<Instant> opens_at(Instant now) const;

    Round begun(Instant now);
    // True: the failure says nothing about the job of the order, for the service is known to fail; it costs no attempt.
    bool ended(Round round, const Pace& pace, Instant now);
    // It ended, and nothing is known of the service by that: given back, its process lost, its answer waits for a
    // store.
    void forgotten(Round round);

    GateView view(Instant now) const;

  private:
    // One axis: by the operator, and as the service tells it. What learns from refusals is apart.
    struct Meter {
        RateWindow by_minute;
        RateWindow by_told;
        LearnedRate told;       // a limit of which the service names the window
        std::int64_t left = 0;  // what the service said remains, less what may not be in it yet; before left_until
        Instant left_until{};
        std::uint32_t left_after = 0;  // the order whose answer said so
        std::uint64_t limit = 0;       // that is left then, for `span`, until it says otherwise; 0: unknown
        Milliseconds span{0};          // the longest that it wanted until then
        std::uint64_t usual = 0;       // what one order uses; 0: unknown

        void forget_told() noexcept;
    };
    // What room there is, and when there may be more by the clock alone; max(): never.
    struct Room {
        std::int64_t orders;
        Instant more_at;
    };

    using Phase = std::uint32_t;
    static constexpr Phase boundless = ~Phase{0};
    struct Order {
        Phase phase;
        std::uint32_t number;  // wraps
        bool beyond;           // the rate that is known to go well
    };

    static constexpr std::size_t requests = static_cast<std::size_t>(Axis::requests);
    static constexpr std::size_t images = static_cast<std::size_t>(Axis::images);

    static Order order_of(Round round) noexcept;
    Room room_of_rate(const RateWindow& window, const LearnedRate& rate, std::size_t axis, Instant now) const;
    Room room_of_axis(std::size_t axis, Instant now) const;
    Room room_in_flight(Instant now) const;
    Room all_room(Instant now) const;
    std::int32_t allowed(Instant now) const;
    Milliseconds saturated_for(Instant now) const;
    std::uint64_t unit(std::size_t axis) const;
    bool excused(Phase phase, Instant now) const;

    void next_phase() noexcept;
    void leave(Phase phase) noexcept;
    void look_around(Instant now);
    void settle_growth(Instant now);
    void succeed(const Order& order, Instant now);
    bool fail(const Order& order, Instant now);
    void refuse(Phase phase, const Pace& pace, Instant now);
    void learn(Instant next, bool told, Instant now);
    void narrow(Milliseconds active, Milliseconds window, Instant now);
    void rest(Instant until, bool by_service);
    Milliseconds rest_of(const Pace& pace, Instant now) const;
    void use(const Pace& pace, Instant now);
    void hear(const AxisLimit& told, const Order& order, Instant now);
    static void hear_window(const AxisLimit& told, Meter& meter);
    static void hear_left(const AxisLimit& told, Meter& meter, std::uint64_t one, Instant now);

    LaneLimits limits_;
    std::array<Meter, axis_count> meters_;
    RateLearner learner_;
    Breaker breaker_;

    Phase phase_ = 0;
    std::int32_t in_flight_ = 0;
    std::int32_t of_phase_ = 0;  // in flight that began in this phase

    std::optional<Instant> rest_until_;
    bool rest_by_service_ = false;
    std::int32_t ramp_ = 0;  // after a rest: how many may be under way; 0: it is over
    int refused_in_a_row_ = 0;
    Phase refused_first_ = 0;  // the phase of the first of them

    // In flight, by what went well.
    bool growing_ = true;
    std::int32_t base_;
    Milliseconds saturated_{0};  // for so long, since base_ was set
    std::optional<Instant> saturated_since_;
    Instant heard_at_{};  // an answer, or the first order after none was under way
    std::int64_t answered_growing_ = 0;
    std::int32_t went_well_ = 0;  // so many in flight
    bool narrowed_ = false;       // to what is enough for a learned rate

    // Since when orders began as fast as they were let.
    std::optional<Instant> room_since_;
    Instant busy_since_{};
    bool after_rest_ = false;
    std::int64_t busy_begun_ = 0;
    Milliseconds held_{0};  // in that time, by the learned rate alone
    std::optional<Instant> held_since_;
    Phase learned_phase_ = 0;
    Instant learned_since_{};
    Instant learned_at_{};

    std::optional<Instant> outage_since_;
    std::uint32_t failed_first_ = 0;  // of the failures in a row, the order that began first
    Phase outage_first_ = 0;
    Phase outage_last_ = 0;  // boundless while it lasts

    std::uint64_t started_ = 0;
    std::uint64_t answered_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t failed_ = 0;
};

}  // namespace atelier::core
