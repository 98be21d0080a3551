#include "postgres/handler_pool.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace atelier::postgres {
namespace {

constexpr std::int32_t one_role = 1;
constexpr std::int32_t other_role = 2;

PooledCall call(std::int64_t attempt, std::int32_t lane) {
    PooledCall made;
    made.attempt = attempt;
    made.lane = lane;
    return made;
}

// The attempt that begins in the one process that waits, which serves `lane`; 0: none does.
std::int64_t begun(HandlerPool& pool, int process, int most, std::int32_t lane = 0) {
    const HandlerPlan plan = pool.plan({{process, lane}}, 0, most, most);
    return plan.begin.empty() ? 0 : plan.begin.front().second.attempt;
}

TEST(HandlerPool, BeginsInTheOrderOfComing) {
    HandlerPool pool;
    for (const std::int64_t attempt : {5, 3, 4})
        pool.add(call(attempt, one_role));
    EXPECT_EQ(begun(pool, 0, 4), 5);
    EXPECT_EQ(begun(pool, 1, 4), 3);
    EXPECT_EQ(begun(pool, 2, 4), 4);
    EXPECT_EQ(begun(pool, 3, 4), 0);
    EXPECT_EQ(pool.size(), 3U);
}

TEST(HandlerPool, OneRoleLeavesAProcessToOthers) {
    HandlerPool pool;
    for (const std::int64_t attempt : {1, 2, 3})
        pool.add(call(attempt, one_role));
    EXPECT_EQ(begun(pool, 0, 3), 1);
    EXPECT_EQ(begun(pool, 1, 3), 2);
    EXPECT_EQ(begun(pool, 2, 3), 0);
    pool.add(call(4, other_role));
    EXPECT_EQ(begun(pool, 2, 3), 4) << "it overtakes those that may not begin";
    EXPECT_EQ(pool.ended(0)->attempt, 1);
    EXPECT_EQ(begun(pool, 0, 3, one_role), 3);
}

TEST(HandlerPool, AProcessServesOneRole) {
    HandlerPool pool;
    pool.add(call(1, one_role));
    const HandlerPlan plan = pool.plan({{7, other_role}, {8, 0}, {9, one_role}}, 0, 3, 4);
    ASSERT_EQ(plan.begin.size(), 1U);
    EXPECT_EQ(plan.begin[0].first, 9) << "the one that serves the role comes before one that serves none yet";
    pool.add(call(2, one_role));
    EXPECT_EQ(pool.plan({{7, other_role}, {8, 0}}, 0, 3, 4).begin.at(0).first, 8);
    pool.add(call(3, one_role));
    const HandlerPlan third = pool.plan({{7, other_role}}, 0, 3, 4);
    EXPECT_TRUE(third.begin.empty()) << "never that of another role";
    EXPECT_EQ(third.start, 1);
    EXPECT_TRUE(third.dismiss.empty());
}

TEST(HandlerPool, AProcessOfAnotherRoleMakesRoom) {
    HandlerPool pool;
    pool.add(call(1, one_role));
    pool.add(call(2, other_role));
    EXPECT_EQ(begun(pool, 0, 1), 1);
    EXPECT_EQ(pool.ended(0)->attempt, 1);
    pool.add(call(3, one_role));
    const HandlerPlan plan = pool.plan({{0, one_role}}, 0, 1, 1);
    EXPECT_TRUE(plan.begin.empty()) << "whoever came first is first";
    EXPECT_EQ(plan.dismiss, std::vector<int>{0});
    EXPECT_EQ(plan.start, 0) << "not before it has left";
    EXPECT_EQ(pool.plan({}, 0, 0, 1).start, 1);
    EXPECT_EQ(pool.plan({}, 1, 1, 1).start, 0) << "one is on its way";
}

TEST(HandlerPool, StartsAProcessForEachCallThatCouldBegin) {
    HandlerPool pool;
    const auto started = [&pool](int all, int most) { return pool.plan({}, 0, all, most).start; };
    EXPECT_EQ(started(0, 4), 0);
    for (const std::int64_t attempt : {1, 2, 3, 4, 5})
        pool.add(call(attempt, one_role));
    EXPECT_EQ(started(0, 1), 1);
    EXPECT_EQ(started(0, 2), 1);
    EXPECT_EQ(started(0, 4), 3);
    pool.add(call(6, other_role));
    EXPECT_EQ(started(0, 2), 2);
    EXPECT_EQ(started(0, 16), 6);
    EXPECT_EQ(pool.plan({}, 2, 2, 16).start, 4) << "those on their way count";
    EXPECT_EQ(begun(pool, 7, 4), 1);
    EXPECT_EQ(started(1, 4), 3) << "what runs counts";
}

TEST(HandlerPool, MoreRunThanAreAllowedNow) {
    HandlerPool pool;
    for (const std::int64_t attempt : {1, 2, 3})
        pool.add(call(attempt, one_role));
    EXPECT_EQ(begun(pool, 0, 4), 1);
    EXPECT_EQ(begun(pool, 1, 4), 2);
    EXPECT_EQ(begun(pool, 2, 2), 0);
    EXPECT_EQ(pool.plan({}, 0, 2, 1).start, 0);
}

TEST(HandlerPool, KnowsWhereACallIs) {
    HandlerPool pool;
    pool.add(call(1, one_role));
    pool.add(call(2, one_role));
    EXPECT_EQ(begun(pool, 3, 4), 1);
    EXPECT_EQ(pool.process_of(1), 3);
    EXPECT_EQ(pool.call_of(3)->attempt, 1);
    EXPECT_EQ(pool.process_of(2), std::nullopt);
    EXPECT_EQ(pool.call_of(0), nullptr);
    EXPECT_TRUE(pool.knows(2));
    EXPECT_FALSE(pool.knows(3));
    EXPECT_EQ(pool.waiting(), std::vector<std::int64_t>{2});
    EXPECT_FALSE(pool.withdraw(1)) << "it has begun";
    EXPECT_TRUE(pool.withdraw(2));
    EXPECT_FALSE(pool.knows(2));
    EXPECT_EQ(pool.ended(3)->attempt, 1);
    EXPECT_EQ(pool.ended(3), std::nullopt);
    EXPECT_TRUE(pool.empty());
}

}  // namespace
}  // namespace atelier::postgres
