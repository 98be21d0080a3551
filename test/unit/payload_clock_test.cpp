#include "executor/payload_clock.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace atelier::executor {
namespace {

using core::Instant;
using core::Milliseconds;
using namespace std::chrono_literals;

bool holds_payload(const std::vector<std::string>& pieces) {
    PayloadFilter filter;
    bool found = false;
    for (const std::string& piece : pieces)
        found = filter.holds_payload(piece);
    return found;
}

TEST(PayloadFilter, TheLastPieceIsPayloadOrNot) {
    EXPECT_TRUE(holds_payload({"{"}));
    EXPECT_TRUE(holds_payload({"\n\n  {\"a\":1}\n"}));
    EXPECT_TRUE(holds_payload({"\n", " ", "x"}));
    EXPECT_TRUE(holds_payload({"data: {}\n"}));
    EXPECT_TRUE(holds_payload({": keep-alive\ndata: {}\n"}));
    EXPECT_TRUE(holds_payload({": keep-alive\rdata: {}\r"}));
    EXPECT_TRUE(holds_payload({": keep", "-alive\nd"}));
    EXPECT_TRUE(holds_payload({"\"a\"", ": 1"}));
    EXPECT_TRUE(holds_payload({"\"a\" ", ":"}));

    EXPECT_FALSE(holds_payload({""}));
    EXPECT_FALSE(holds_payload({" \t\r\n"}));
    EXPECT_FALSE(holds_payload({": keep-alive\n\n"}));
    EXPECT_FALSE(holds_payload({":", " keep-alive", "\n"}));
    EXPECT_FALSE(holds_payload({": keep-alive\n", "\n", ": keep-alive"}));
    EXPECT_FALSE(holds_payload({"data: {}\n", ": keep-alive\n\n"}));
    EXPECT_FALSE(holds_payload({"data: {}\n: keep", "-alive"}));
    EXPECT_FALSE(holds_payload({"data: {}\r\n: keep", "-alive"}));
    EXPECT_FALSE(holds_payload({"data: {}\r: keep", "-alive"}));
    EXPECT_FALSE(holds_payload({"{}", "\n\n"}));
}

class PayloadClockTest : public testing::Test {
  protected:
    Instant at(Milliseconds time) const { return start + time; }

    const Instant start = Instant{} + 1h;
    PayloadClock clock{{10s, 60s, 200s}, start};
};

TEST_F(PayloadClockTest, ConnectingIsTimedFirst) {
    EXPECT_EQ(clock.deadline(), at(10s));
    EXPECT_EQ(clock.next(), ClockKind::connect);
}

TEST_F(PayloadClockTest, ThenProgressFromConnectingOn) {
    clock.connected(at(3s));
    EXPECT_EQ(clock.deadline(), at(63s));
    EXPECT_EQ(clock.next(), ClockKind::progress);
    clock.progressed(at(50s));
    EXPECT_EQ(clock.deadline(), at(110s));
}

TEST_F(PayloadClockTest, NoProgressPutsOffTheTotal) {
    clock.connected(at(3s));
    clock.progressed(at(190s));
    EXPECT_EQ(clock.deadline(), at(200s));
    EXPECT_EQ(clock.next(), ClockKind::total);
}

TEST_F(PayloadClockTest, PausedOnlyTheTotalRuns) {
    clock.connected(at(3s));
    clock.pause();
    EXPECT_EQ(clock.deadline(), at(200s));
    EXPECT_EQ(clock.next(), ClockKind::total);
    clock.resume(at(100s));
    EXPECT_EQ(clock.deadline(), at(160s));
    EXPECT_EQ(clock.next(), ClockKind::progress);
}

TEST_F(PayloadClockTest, IsLookedAtBeforeAnyDeadlineThatMayCome) {
    PayloadClock impatient({10s, 2s, 200s}, start);
    EXPECT_EQ(impatient.deadline(), at(10s));
    EXPECT_EQ(impatient.next_look(at(1s)), at(3s));
    impatient.connected(at(1s));
    EXPECT_EQ(impatient.deadline(), at(3s));
    EXPECT_EQ(impatient.next_look(at(1s)), at(3s));
    EXPECT_EQ(clock.next_look(at(0s)), at(10s));
}

}  // namespace
}  // namespace atelier::executor
