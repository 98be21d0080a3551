// What the operator sets and what a service tells of its limits in its answers, and what somebody who knows better
// ends.

#include <gtest/gtest.h>

#include <vector>

#include "played_lane.hpp"

namespace atelier::core {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

Pace left(std::uint64_t limit, std::uint64_t remaining, Milliseconds reset) {
    Pace pace;
    pace.limits.push_back({Axis::requests, limit, remaining, reset, std::nullopt});
    return pace;
}

TEST(LaneGateLimits, RateOfTheOperatorHoldsInEveryMinute) {
    Played lane(by_minute(60));
    std::vector<Instant> begun;
    while (lane.now < Instant{} + seconds{300}) {
        const int count = lane.room();
        lane.end(lane.begin(count), answered());
        begun.insert(begun.end(), static_cast<std::size_t>(count), lane.now);
        const auto at = lane.gate.opens_at(lane.now);
        ASSERT_TRUE(at);
        ASSERT_GT(*at, lane.now);
        lane.now = *at;
    }
    EXPECT_GE(begun.size(), 290U);
    for (std::size_t i = 60; i < begun.size(); ++i)
        ASSERT_GE(begun[i] - begun[i - 60], seconds{60});
}

TEST(LaneGateLimits, TokensAreCountedByWhatRequestsUse) {
    Played lane(by_minute(1000, 10'000));
    auto rounds = lane.begin(1);
    Pace pace;
    pace.tokens = 1000;
    lane.end(rounds, pace);
    EXPECT_EQ(lane.room(), 9);
    rounds = lane.begin(4);
    EXPECT_EQ(lane.room(), 5) << "what is under way is expected to use as much";
    pace.tokens = 500;
    lane.end(rounds, pace);
    EXPECT_EQ(lane.room(), 8) << "corrected by what was used";
    lane.wait(seconds{62});
    EXPECT_GT(lane.room(), 9);
}

TEST(LaneGateLimits, PicturesCountOneByOneUntilTheirNumberIsKnown) {
    Played lane(by_minute(1000, 0, 5));
    EXPECT_EQ(lane.room(), 5);
    const auto rounds = lane.begin(5);
    EXPECT_EQ(lane.room(), 0);
    EXPECT_EQ(lane.gate.opens_at(lane.now), std::nullopt) << "only an answer tells";
    Pace pace;
    pace.images = 1;
    lane.end(rounds, pace);
    EXPECT_EQ(lane.room(), 0);
    EXPECT_GE(lane.until_open(), seconds{60});
}

TEST(LaneGateTold, WhatRemainsMayBegin) {
    Played lane(trusted_lane(100));
    auto rounds = lane.begin(1);
    Pace pace;
    pace.limits.push_back({Axis::requests, 60, 3, seconds{20}, std::nullopt});
    lane.end(rounds, pace);
    EXPECT_EQ(lane.room(), 3);
    rounds = lane.begin(3);
    EXPECT_EQ(lane.room(), 0);
    EXPECT_EQ(lane.until_open(), seconds{20});
    pace.limits[0].remaining = 0;
    lane.end(rounds, pace);
    EXPECT_EQ(lane.state(), GateState::resting);
    EXPECT_EQ(lane.until_open(), seconds{20});
    lane.wait(seconds{20});
    EXPECT_GT(lane.room(), 0);
}

TEST(LaneGateTold, ResetNamesNoWindow) {
    for (const int used : {1, 20, 250, 500}) {
        Played lane(trusted_lane(1000));
        lane.end(lane.begin(1), left(500, 500 - used, seconds{58}));
        EXPECT_EQ(lane.gate.view(lane.now).learned, LearnedPace{}) << used;
        EXPECT_EQ(lane.room(), 500 - used);
    }
}

TEST(LaneGateTold, LimitIsLeftAgainAfterTheReset) {
    Played lane(trusted_lane(1000));
    lane.end(lane.begin(1), left(100, 99, seconds{60}));
    EXPECT_EQ(lane.room(), 99);
    lane.begin(99);
    EXPECT_EQ(lane.until_open(), seconds{60});
    lane.wait(seconds{60});
    EXPECT_EQ(lane.room(), 100) << "and no more before an answer";
    lane.begin(100);
    EXPECT_EQ(lane.room(), 0);
    EXPECT_EQ(lane.until_open(), seconds{60}) << "should none tell otherwise";
}

TEST(LaneGateTold, WholeSecondsMayBeRoundedDown) {
    Played lane(trusted_lane(1000));
    lane.end(lane.begin(1), left(100, 50, seconds{10}));
    lane.wait(Milliseconds{300});
    lane.end(lane.begin(1), left(100, 0, seconds{9}));
    EXPECT_EQ(lane.until_open(), Milliseconds{9'700});
    lane.end(lane.begin(1), left(100, 0, seconds{4}));
    EXPECT_EQ(lane.until_open(), seconds{4}) << "so much is another end";
}

TEST(LaneGateTold, HourlyLimitWithoutResetHolds) {
    Played lane(trusted_lane(1000));
    int remaining = 50;
    int begun = 0;
    while (lane.room() > 0 && begun < 100) {
        Pace pace;
        pace.limits.push_back({Axis::requests, 50, --remaining, std::nullopt, hours{1}});
        lane.end(lane.begin(1), pace);
        ++begun;
    }
    EXPECT_EQ(begun, 50);
    EXPECT_GE(lane.until_open(), hours{1});
}

TEST(LaneGateTold, WhatAServiceTellsOfItsWindowCountsMoreThanWhatWasRecalled) {
    Played lane(trusted_lane(1000));
    LearnedPace learned;
    learned.rates[0] = {50, hours{1}, true};
    lane.gate.recall(learned, lane.now);
    EXPECT_EQ(lane.room(), 0);
    lane.wait(lane.until_open());
    Pace pace;
    pace.limits.push_back({Axis::requests, 50, 40, std::nullopt, hours{1}});
    lane.end(lane.begin(1), pace);
    EXPECT_EQ(lane.room(), 40);
}

TEST(LaneGateReopened, EndsTheBreaker) {
    Played lane(trusted_lane(8));
    lane.break_it();
    lane.gate.reopen(lane.now);
    EXPECT_EQ(lane.room(), 1);
    lane.end(lane.begin(1), answered());
    EXPECT_EQ(lane.room(), 2);
}

// Orders that went well, and a refusal that wants to be asked again only after a long time.
void refuse_for_long(Played& lane, Milliseconds rest) {
    for (int i = 0; i < 40; ++i) {
        lane.end(lane.begin(1), answered());
        lane.wait(Milliseconds{200});
    }
    lane.end(lane.begin(1), refused(rest));
    EXPECT_EQ(lane.room(), 0);
    EXPECT_EQ(lane.gate.view(lane.now).learned.rates[0].count, 40U);
    lane.wait(seconds{10});
}

TEST(LaneGateReopened, ForgetsTheRateOfALongRest) {
    for (const LaneLimits& limits : {trusted_lane(32), unknown_lane(32)}) {
        for (const Milliseconds rest : {Milliseconds{hours{1}}, Milliseconds{hours{24}}}) {
            Played lane(limits);
            refuse_for_long(lane, rest);
            const Instant mended = lane.now;
            lane.gate.reopen(lane.now);
            EXPECT_EQ(lane.gate.view(lane.now).learned.rates, LearnedPace{}.rates);
            EXPECT_EQ(lane.state(), GateState::opening);
            EXPECT_EQ(lane.room(), 1) << "careful from here on";
            int begun = 0;
            while (lane.room() > 0 && begun < 1000) {
                begun += lane.pass(answered());
                lane.wait(Milliseconds{200});
            }
            EXPECT_GE(begun, 1000);
            EXPECT_LE(lane.now - mended, limits.trusted ? seconds{20} : seconds{120});
        }
    }
}

TEST(LaneGateReopened, AlsoWhenItIsTheRateAloneThatHolds) {
    Played lane(trusted_lane(32));
    refuse_for_long(lane, hours{1});
    LaneGate next(trusted_lane(32), lane.now);
    next.recall(lane.gate.view(lane.now).learned, lane.now);
    EXPECT_EQ(next.room(lane.now), 0);
    EXPECT_EQ(next.view(lane.now).state, GateState::open);
    next.reopen(lane.now);
    EXPECT_EQ(next.room(lane.now), 1);
    next.ended(next.begun(lane.now), answered(), lane.now);
    EXPECT_EQ(next.room(lane.now), 2);
}

TEST(LaneGateReopened, ForgetsWhatTheServiceTold) {
    Played lane(trusted_lane(32));
    Pace pace;
    pace.limits.push_back({Axis::requests, 50, 0, std::nullopt, hours{1}});
    pace.limits.push_back({Axis::tokens, 1000, 0, hours{1}, std::nullopt});
    lane.end(lane.begin(1), pace);
    EXPECT_EQ(lane.room(), 0);
    lane.gate.reopen(lane.now);
    EXPECT_EQ(lane.room(), 1);
    EXPECT_EQ(lane.gate.view(lane.now).learned.rates, LearnedPace{}.rates);
}

TEST(LaneGateReopened, LearnsAnew) {
    Played lane(trusted_lane(32));
    refuse_for_long(lane, hours{1});
    lane.gate.reopen(lane.now);
    for (int i = 0; i < 60; ++i)
        lane.end(lane.begin(1), answered());
    lane.wait(seconds{1});
    lane.end(lane.begin(1), refused(seconds{59}));
    EXPECT_EQ(lane.gate.view(lane.now).learned.rates[0], (LearnedRate{60, seconds{60}, false}));
}

}  // namespace
}  // namespace atelier::core
