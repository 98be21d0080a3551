#include "executor/order_book.hpp"

#include <gtest/gtest.h>

namespace atelier::executor {
namespace {

constexpr BookLimits limits{2, 4, 1000};

TEST(OrderBook, RunsAsManyAsAllowedOldestFirst) {
    OrderBook book(limits);
    for (const Attempt attempt : {1, 2, 3})
        EXPECT_EQ(book.admit(attempt, 10), Admission::queued);
    EXPECT_EQ(book.start_next(), 1U);
    EXPECT_EQ(book.start_next(), 2U);
    EXPECT_EQ(book.start_next(), std::nullopt);
    book.finish(1);
    EXPECT_EQ(book.start_next(), 3U);
    book.finish(2);
    book.finish(3);
    EXPECT_TRUE(book.idle());
    EXPECT_EQ(book.running(), 0U);
}

TEST(OrderBook, GivesBackWhatItCannotHold) {
    OrderBook book(limits);
    EXPECT_EQ(book.admit(1, 1001), Admission::give_back);
    EXPECT_EQ(book.admit(1, 600), Admission::queued);
    EXPECT_EQ(book.admit(2, 600), Admission::give_back);
    EXPECT_EQ(book.start_next(), 1U);
    for (const Attempt attempt : {2, 3, 4, 5})
        EXPECT_EQ(book.admit(attempt, 100), Admission::queued);
    EXPECT_EQ(book.admit(6, 100), Admission::give_back);
}

TEST(OrderBook, KnowsADuplicateWhereverTheFirstOneIs) {
    OrderBook book(limits);
    book.admit(1, 1);
    EXPECT_EQ(book.admit(1, 1), Admission::duplicate);
    book.start_next();
    EXPECT_EQ(book.admit(1, 1), Admission::duplicate);
    book.stop(1);
    EXPECT_EQ(book.admit(1, 1), Admission::duplicate);
    book.finish(1);
    EXPECT_EQ(book.admit(1, 1), Admission::queued);
}

TEST(OrderBook, StoppingAQueuedOrderTakesItOut) {
    OrderBook book(limits);
    for (const Attempt attempt : {1, 2, 3, 4})
        book.admit(attempt, 200);
    EXPECT_EQ(book.stop(3), Stopped::was_queued);
    EXPECT_EQ(book.stop(3), Stopped::unknown);
    EXPECT_EQ(book.admit(5, 400), Admission::queued);  // its bytes are free again
    EXPECT_EQ(book.start_next(), 1U);
    EXPECT_EQ(book.start_next(), 2U);
    book.finish(1);
    EXPECT_EQ(book.start_next(), 4U);
}

TEST(OrderBook, AStoppedRunKeepsItsPlaceUntilItsChildIsGone) {
    OrderBook book({1, 4, 1000});
    book.admit(1, 1);
    book.admit(2, 1);
    book.start_next();
    EXPECT_EQ(book.stop(1), Stopped::was_running);
    EXPECT_EQ(book.stop(1), Stopped::unknown);
    EXPECT_EQ(book.start_next(), std::nullopt);
    book.finish(1);
    EXPECT_EQ(book.start_next(), 2U);
}

TEST(OrderBook, DrainGivesBackTheQueuedAndAdmitsNothing) {
    OrderBook book({1, 4, 1000});
    for (const Attempt attempt : {1, 2, 3})
        book.admit(attempt, 1);
    book.start_next();
    EXPECT_EQ(book.drain(), (std::vector<Attempt>{2, 3}));
    EXPECT_TRUE(book.draining());
    EXPECT_FALSE(book.idle());
    EXPECT_EQ(book.admit(4, 1), Admission::give_back);
    EXPECT_EQ(book.stop(2), Stopped::unknown);
    book.stop(1);
    EXPECT_TRUE(book.idle());
}

TEST(OrderBook, UnknownAttemptsAreNoTrouble) {
    OrderBook book(limits);
    EXPECT_EQ(book.stop(99), Stopped::unknown);
    book.finish(99);
    book.admit(1, 1);
    book.finish(1);  // queued, not running: nothing to finish
    EXPECT_EQ(book.start_next(), 1U);
}

}  // namespace
}  // namespace atelier::executor
