#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "played_lane.hpp"

namespace atelier::core {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(LaneGate, TrustedLaneReachesItsMaximumAtOnce) {
    Played lane(trusted_lane(1000));
    EXPECT_EQ(lane.room(), 1000);
    lane.begin(999);
    EXPECT_EQ(lane.room(), 1);
    lane.begin(1);
    EXPECT_EQ(lane.room(), 0);
    EXPECT_EQ(lane.gate.opens_at(lane.now), std::nullopt);
}

TEST(LaneGate, UnknownLaneIsApproachedWithCare) {
    Played lane(unknown_lane(5));
    EXPECT_EQ(lane.room(), 3);
    lane.begin(3);
    EXPECT_EQ(lane.room(), 0);
    EXPECT_EQ(lane.until_open(), seconds{3});
    lane.wait(seconds{3});
    EXPECT_EQ(lane.room(), 1);
    lane.begin(1);
    lane.wait(seconds{3});
    EXPECT_EQ(lane.room(), 1);
    lane.begin(1);
    EXPECT_EQ(lane.gate.opens_at(lane.now), std::nullopt) << "the maximum";
}

TEST(LaneGate, UnknownLaneGrowsWithWhatWasAnswered) {
    Played lane(unknown_lane(100));
    for (int i = 0; i < 400; ++i)
        lane.pass(answered());
    EXPECT_EQ(lane.room(), 100);
}

TEST(LaneGate, SilenceIsNoReasonToSendMore) {
    Played lane(unknown_lane(100));
    lane.begin(3);
    int grown = 0;
    while (const auto at = lane.gate.opens_at(lane.now)) {
        lane.now = *at;
        lane.begin(lane.room());
        ASSERT_LT(++grown, 100);
    }
    EXPECT_LE(lane.gate.view(lane.now).in_flight, 15);
}

TEST(LaneGate, RefusalIsARestOfTheTimeThatItNames) {
    Played lane(trusted_lane(32));
    const auto rounds = lane.begin(10);
    lane.wait(seconds{1});
    lane.end({rounds[0]}, refused(Milliseconds{8'640}));
    EXPECT_EQ(lane.room(), 0);
    EXPECT_EQ(lane.state(), GateState::resting);
    EXPECT_EQ(lane.gate.view(lane.now).until, lane.now + Milliseconds{8'640});
    EXPECT_GE(lane.until_open(), Milliseconds{8'640});
    EXPECT_LE(lane.until_open(), Milliseconds{9'200});
    lane.end({rounds.begin() + 1, rounds.end()}, answered());
    EXPECT_GE(lane.until_open(), Milliseconds{8'640}) << "answers of orders that began before end no rest";
    lane.wait(lane.until_open());
    EXPECT_EQ(lane.room(), 1) << "one order first";
    EXPECT_EQ(lane.state(), GateState::opening);
    lane.end(lane.begin(1), answered());
    EXPECT_EQ(lane.room(), 2) << "and then success by success";
}

TEST(LaneGate, LearnsFromARefusal) {
    Played lane(trusted_lane(1000));
    auto rounds = lane.begin(65);
    lane.wait(seconds{1});
    lane.end({rounds.begin(), rounds.begin() + 60}, answered());
    lane.end({rounds.begin() + 60, rounds.end()}, refused(seconds{59}));
    const LearnedRate rate = lane.gate.view(lane.now).learned.rates[0];
    EXPECT_EQ(rate.count, 60U);
    EXPECT_EQ(rate.window, seconds{60});
    EXPECT_FALSE(rate.told);
}

TEST(LaneGate, BackoffDoublesWhileNothingSucceeds) {
    Played lane(trusted_lane(1));
    std::vector<Milliseconds> rests;
    for (int i = 0; i < 10; ++i) {
        lane.end(lane.begin(1), refused());
        rests.push_back(lane.until_open());
        lane.wait(lane.until_open());
    }
    EXPECT_EQ(rests.front(), seconds{1});
    EXPECT_EQ(rests.back(), seconds{120});
    EXPECT_TRUE(std::is_sorted(rests.begin() + 3, rests.end()));
}

TEST(LaneGate, QuotaOfTheDayIsALongHoldAndNoRate) {
    Played lane(trusted_lane(8));
    lane.end(lane.begin(1), answered());
    auto rounds = lane.begin(2);
    Pace pace = refused(hours{9});
    pace.daily = true;
    lane.end(rounds, pace);
    EXPECT_EQ(lane.until_open(), hours{9});
    EXPECT_EQ(lane.gate.view(lane.now).learned.rates[0].count, 0U);
}

TEST(LaneGate, FiveFailuresInARowBreakIt) {
    Played lane(trusted_lane(32));
    const auto rounds = lane.begin(10);
    EXPECT_EQ(lane.end({rounds.begin(), rounds.begin() + 4}, failed()), 0);
    EXPECT_EQ(lane.state(), GateState::open);
    EXPECT_EQ(lane.end({rounds[4]}, failed()), 1);
    EXPECT_EQ(lane.state(), GateState::broken);
    EXPECT_EQ(lane.end({rounds.begin() + 5, rounds.end()}, failed()), 5) << "they began before, and cost nothing";
    EXPECT_EQ(lane.room(), 0);
    EXPECT_GE(lane.until_open(), seconds{5});
    EXPECT_LE(lane.until_open(), seconds{6});
}

TEST(LaneGate, HalfOfTheLastTwentyBreakIt) {
    Played lane(trusted_lane(32));
    int orders = 0;
    while (lane.state() == GateState::open && orders < 100) {
        lane.end(lane.begin(1), orders % 2 == 0 ? failed() : answered());
        ++orders;
    }
    EXPECT_GE(orders, 20);
    EXPECT_LE(orders, 21);
    Played well(trusted_lane(32));
    for (int i = 0; i < 1000; ++i)
        well.end(well.begin(1), i % 3 == 0 ? failed() : answered());
    EXPECT_EQ(well.state(), GateState::open);
}

TEST(LaneGate, ExactlyOneOrderTries) {
    Played lane(trusted_lane(32));
    lane.break_it();
    lane.wait(lane.until_open());
    EXPECT_EQ(lane.room(), 1);
    const auto rounds = lane.begin(1);
    EXPECT_EQ(lane.state(), GateState::trying);
    EXPECT_EQ(lane.room(), 0);
    EXPECT_EQ(lane.gate.opens_at(lane.now), std::nullopt);
    EXPECT_EQ(lane.end(rounds, failed()), 1);
    EXPECT_GE(lane.until_open(), seconds{10}) << "twice as long";
    for (int i = 0; i < 8; ++i) {
        lane.wait(lane.until_open());
        lane.end(lane.begin(1), failed());
    }
    EXPECT_GE(lane.until_open(), seconds{60});
    EXPECT_LE(lane.until_open(), seconds{72});
}

TEST(LaneGate, OpensSuccessBySuccess) {
    Played lane(trusted_lane(8));
    lane.break_it();
    lane.wait(lane.until_open());
    std::vector<int> rooms;
    while (lane.state() != GateState::open && rooms.size() < 20) {
        rooms.push_back(lane.room());
        lane.end(lane.begin(1), answered());
    }
    EXPECT_EQ(rooms, (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(lane.room(), 8);
    EXPECT_EQ(lane.end(lane.begin(1), failed()), 0) << "the outage is over";
}

TEST(LaneGate, OrderThatTriesAndTellsNothingIsFollowedByAnother) {
    Played lane(trusted_lane(8));
    lane.break_it();
    lane.wait(lane.until_open());
    lane.gate.forgotten(lane.begin(1).front());
    EXPECT_EQ(lane.state(), GateState::broken);
    EXPECT_EQ(lane.room(), 1);
}

TEST(LaneGate, AfterAnHourOfOutageFailuresCountAgain) {
    Played lane(trusted_lane(8));
    lane.break_it();
    int excused = 0;
    int counted = 0;
    while (lane.now < Instant{} + hours{2}) {
        lane.wait(lane.until_open());
        (lane.end(lane.begin(1), failed()) ? excused : counted)++;
    }
    EXPECT_GT(excused, 45);
    EXPECT_GT(counted, 45);
}

TEST(LaneGate, RestOfTheExecutorTeachesNothing) {
    Played lane(trusted_lane(8));
    lane.end(lane.begin(4), answered());
    Pace pace;
    pace.kind = PaceKind::rest;
    pace.retry_after = seconds{7};
    EXPECT_EQ(lane.end(lane.begin(1), pace), 0);
    EXPECT_EQ(lane.until_open(), seconds{7});
    const GateView view = lane.gate.view(lane.now);
    EXPECT_EQ(view.learned, LearnedPace{});
    EXPECT_EQ(view.refused, 0U);
    lane.wait(seconds{7});
    EXPECT_EQ(lane.room(), 8) << "one that it does not take holds up no other";
}

TEST(LaneGate, IsKnownAgainAfterARestart) {
    Played lane(unknown_lane(32));
    LearnedPace learned;
    learned.rates[0] = {60, seconds{60}, false};
    learned.in_flight = 20;
    lane.gate.recall(learned, lane.now);
    EXPECT_EQ(lane.room(), 0) << "the window counts as used up";
    EXPECT_LE(lane.until_open(), seconds{3}) << "evenly";
    EXPECT_EQ(lane.gate.view(lane.now).learned, learned);
    EXPECT_EQ(lane.gate.view(lane.now).allowed, 20);
    lane.wait(seconds{62});
    EXPECT_EQ(lane.room(), 20);
}

TEST(LaneGate, SuccessOfWhatBeganBeforeTheFailuresHidesNoOutage) {
    Played lane(trusted_lane(64));
    const auto before = lane.begin(20);
    const auto during = lane.begin(10);
    for (std::size_t i = 0; i < 5; ++i) {
        lane.end({before[i]}, answered());
        lane.end({during[i]}, failed());
    }
    EXPECT_EQ(lane.state(), GateState::broken);
    Played well(trusted_lane(64));
    for (int i = 0; i < 50; ++i) {
        const auto one = well.begin(1);
        const auto other = well.begin(3);
        well.end(one, failed());
        well.end(other, answered());
    }
    EXPECT_EQ(well.state(), GateState::open);
}

TEST(LaneGate, RestOutlivesTheWorker) {
    Played lane(trusted_lane(8));
    lane.gate.rest_until(lane.now + hours{3}, lane.now);
    EXPECT_EQ(lane.until_open(), hours{3});
    EXPECT_EQ(lane.state(), GateState::resting);
    lane.gate.reopen(lane.now);
    EXPECT_EQ(lane.room(), 1);
}

TEST(LaneGate, LimitsChangeAtOnce) {
    Played lane(unknown_lane(4));
    lane.begin(3);
    lane.wait(seconds{3});
    lane.begin(1);
    lane.gate.configure(trusted_lane(50), lane.now);
    EXPECT_EQ(lane.room(), 46);
    lane.gate.configure(trusted_lane(2), lane.now);
    EXPECT_EQ(lane.room(), 0);
    lane.gate.configure(by_minute(10), lane.now);
    EXPECT_EQ(lane.room(), 6);
}

TEST(LaneGate, CountsWhatHappened) {
    Played lane(trusted_lane(8));
    const auto rounds = lane.begin(5);
    lane.end({rounds[0], rounds[1]}, answered());
    lane.end({rounds[2]}, failed());
    lane.end({rounds[3]}, refused(seconds{1}));
    lane.gate.forgotten(rounds[4]);
    const GateView view = lane.gate.view(lane.now);
    EXPECT_EQ(view.started, 5U);
    EXPECT_EQ(view.answered, 2U);
    EXPECT_EQ(view.failed, 1U);
    EXPECT_EQ(view.refused, 1U);
    EXPECT_EQ(view.in_flight, 0);
}

}  // namespace
}  // namespace atelier::core
