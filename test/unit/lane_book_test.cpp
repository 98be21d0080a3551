#include "postgres/lane_book.hpp"

#include <gtest/gtest.h>

namespace atelier::postgres {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr core::Instant start{hours{1000}};
constexpr std::int64_t wall = 800'000'000'000'000;  // at start

Moment at(core::Instant now) {
    return {now, wall + std::chrono::duration_cast<std::chrono::microseconds>(now - start).count()};
}

LaneRow row(std::int32_t lane, std::int32_t most) {
    LaneRow made;
    made.lane = lane;
    made.limits.max_in_flight = most;
    made.limits.trusted = true;
    return made;
}

core::Pace refusal(std::optional<core::Milliseconds> retry_after = {}) {
    core::Pace pace;
    pace.kind = core::PaceKind::rate_limited;
    pace.retry_after = retry_after;
    return pace;
}

void begin(LaneBook& book, std::int32_t lane, int orders, core::Instant now = start) {
    for (int i = 0; i < orders; ++i)
        book.begun(lane, now);
}

TEST(LaneBook, ALaneHasAsMuchRoomAsItsLimitLeaves) {
    LaneBook book;
    book.read({row(1, 10)}, at(start));
    EXPECT_EQ(book.room(1, 1000, start), 10);
    begin(book, 1, 4);
    EXPECT_EQ(book.room(1, 1000, start), 6);
    book.read({row(1, 5)}, at(start));
    EXPECT_EQ(book.room(1, 1000, start), 1);
    EXPECT_EQ(book.room(2, 1000, start), 0) << "a lane that is not known";
    EXPECT_FALSE(book.knows(2));
}

TEST(LaneBook, APausedLaneHasNoneAndNoTimeAtWhichItOpens) {
    LaneBook book;
    LaneRow paused = row(1, 10);
    paused.paused = true;
    book.read({paused}, at(start));
    EXPECT_EQ(book.room(1, 1000, start), 0);
    EXPECT_EQ(book.opens_at(1, start), std::nullopt);
    book.read({row(1, 10)}, at(start));
    EXPECT_EQ(book.room(1, 1000, start), 10);
}

TEST(LaneBook, NoLaneTakesAllThatTheWorkerMayHave) {
    constexpr std::int32_t most = 90;
    LaneBook book;
    book.read({row(1, 1000), row(2, 1000)}, at(start));
    std::int32_t first = 0;
    for (std::int32_t room = 0; (room = book.room(1, most - first, start)) > 0; first += room)
        begin(book, 1, room);
    EXPECT_EQ(first, 80);
    std::int32_t second = 0;
    for (std::int32_t room = 0; (room = book.room(2, most - first - second, start)) > 0; second += room)
        begin(book, 2, room);
    EXPECT_GE(second, 8);
    EXPECT_LE(first + second, most);
}

TEST(LaneBook, WithRoomForOneSomebodyHasIt) {
    LaneBook book;
    book.read({row(1, 1000)}, at(start));
    EXPECT_EQ(book.room(1, 1, start), 1);
    EXPECT_EQ(book.room(1, 0, start), 0);
    EXPECT_EQ(book.room(1, 9, start), 8);
}

TEST(LaneBook, CallsOfExecutorsThatAreGoneTakePlaces) {
    LaneBook book;
    book.read({row(1, 5)}, at(start));
    book.add_draining(1, 3);
    begin(book, 1, 1);
    EXPECT_EQ(book.room(1, 1000, start), 1);
    EXPECT_EQ(book.load(start), (std::vector<std::pair<std::int32_t, std::int32_t>>{{1, 4}}));
    book.add_draining(1, -3);
    EXPECT_EQ(book.room(1, 1000, start), 4);
}

TEST(LaneBook, ANewStateIsWrittenDownAtOnce) {
    LaneBook book;
    book.read({row(1, 5)}, at(start));
    EXPECT_TRUE(book.to_record(at(start)).empty());
    const auto round = book.begun(1, start);
    book.ended(1, round, refusal(minutes{1}), start);
    EXPECT_EQ(book.next_record(start), start);
    const auto records = book.to_record(at(start));
    ASSERT_EQ(records.size(), 1U);
    EXPECT_STREQ(records[0].gate, "resting");
    ASSERT_TRUE(records[0].until_us.has_value());
    EXPECT_NEAR(static_cast<double>(*records[0].until_us), static_cast<double>(wall + 60'000'000), 5e6);
    book.recorded(records, {1}, start);
    EXPECT_TRUE(book.to_record(at(start)).empty());
    EXPECT_GT(book.next_record(start).value(), start + seconds{50}) << "the end of the rest is a state, too";
}

TEST(LaneBook, WhatCouldNotBeWrittenIsTriedAgainASecondLater) {
    LaneBook book;
    book.read({row(1, 5)}, at(start));
    book.ended(1, book.begun(1, start), refusal(minutes{1}), start);
    book.recorded(book.to_record(at(start)), {}, start);
    EXPECT_TRUE(book.to_record(at(start)).empty());
    EXPECT_EQ(book.next_record(start), start + seconds{1});
    EXPECT_EQ(book.to_record(at(start + seconds{1})).size(), 1U);
}

TEST(LaneBook, AGateThatSomebodyOpenedInTheTableOpens) {
    LaneBook book;
    book.read({row(1, 5)}, at(start));
    book.ended(1, book.begun(1, start), refusal(hours{1}), start);
    book.read({row(1, 5)}, at(start));
    EXPECT_EQ(book.room(1, 1000, start), 0) << "the table does not know yet that it rests";
    book.recorded(book.to_record(at(start)), {1}, start);
    LaneRow same = row(1, 5);
    same.gate = "resting";
    book.read({same}, at(start));
    EXPECT_EQ(book.room(1, 1000, start), 0);
    book.read({row(1, 5)}, at(start));
    EXPECT_GE(book.room(1, 1000, start), 1);
}

TEST(LaneBook, ARestOutlivesTheWorker) {
    LaneBook book;
    LaneRow resting = row(1, 5);
    resting.gate = "resting";
    resting.gate_until_us = wall + 3'600'000'000;
    book.read({resting}, at(start));
    EXPECT_EQ(book.room(1, 1000, start + minutes{59}), 0);
    EXPECT_EQ(book.opens_at(1, start), start + hours{1});
    EXPECT_GE(book.room(1, 1000, start + minutes{61}), 1);
}

TEST(LaneBook, ARestThatIsOverIsForgottenInTheTableToo) {
    LaneBook book;
    LaneRow resting = row(1, 5);
    resting.gate = "broken";
    resting.gate_until_us = wall - 1;
    book.read({resting}, at(start));
    const auto records = book.to_record(at(start));
    ASSERT_EQ(records.size(), 1U);
    EXPECT_STREQ(records[0].gate, "open");
}

TEST(LaneBook, WhatWasLearnedIsReadAsItWasWritten) {
    core::LearnedPace learned;
    learned.rates[0] = {60, milliseconds{61000}, false};
    learned.rates[2] = {5, milliseconds{60000}, true};
    learned.in_flight = 17;
    EXPECT_EQ(read_learned(write_learned(learned)), learned);
    EXPECT_EQ(read_learned(write_learned({})), core::LearnedPace{});
    EXPECT_EQ(write_learned({}), "{}");
}

TEST(LaneBook, NonsenseWasNotLearned) {
    for (const char* text :
         {"", "[]", "null", "{\"requests\":{}}", "{\"requests\":{\"count\":-1,\"window_ms\":5}}",
          "{\"requests\":{\"count\":5,\"window_ms\":0}}", "{\"requests\":{\"count\":1e400,\"window_ms\":5}}",
          "{\"requests\":{\"count\":5,\"window_ms\":99999999999999}}", "{\"requests\":7}"})
        EXPECT_EQ(read_learned(text), core::LearnedPace{}) << text;
    EXPECT_EQ(read_learned("{\"in_flight\":18446744073709551615}").in_flight, 100000);
}

TEST(LaneBook, StartsASecondAreAnAverageOverAMinute) {
    LaneBook book;
    book.read({row(1, 100000)}, at(start));
    core::Instant now = start;
    for (int i = 0; i < 600; ++i, now += milliseconds{100}) {
        book.begun(1, now);
        if (i < 60) continue;
        ASSERT_NEAR(book.views(now).at(0).starts_per_second, 10, 1) << "also before a minute has passed";
    }
    EXPECT_NEAR(book.views(now).at(0).starts_per_second, 10, 0.5);
    EXPECT_LT(book.views(now + minutes{5}).at(0).starts_per_second, 0.1);
    EXPECT_EQ(book.views(now).at(0).gate.started, 600U);
}

}  // namespace
}  // namespace atelier::postgres
