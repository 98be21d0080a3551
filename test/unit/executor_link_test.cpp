// The worker's connection to its executor, with shell scripts that play the executor.

#include "postgres/executor_link.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <iterator>
#include <thread>

#include "postgres/in_flight.hpp"
#include "temporary_directory.hpp"

namespace atelier::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::FrameType;

class ExecutorLinkTest : public testing::Test {
  protected:
    ExecutorLinkTest() {
        test::write_file(path("hello"), wire::encode({FrameType::hello, 0, R"({"build":"b","pid":1})"}));
        test::write_file(path("answer"), wire::encode({FrameType::answer, 7, "{}"}));
    }

    std::filesystem::path path(const std::string& name) const { return directory_.path() / name; }
    void tell(const std::string& name) const { test::write_file(path(name), ""); }

    // A plan whose executor runs these lines in the directory, the socket as descriptor 3.
    ExecutorPlan plan(const std::string& name, const std::string& lines) const {
        const auto program = path(name);
        test::write_file(program, "#!/bin/sh\nwait_for() { until test -e $1; do sleep 0.01; done; }\ncd " +
                                      directory_.path().string() + "\n" + lines);
        std::filesystem::permissions(program, std::filesystem::perms::owner_all);
        return {program.string(), path("log").string(), R"({"to":")" + name + "\"}", "b"};
    }

    // Pumps until the condition holds, for 10 s at most, and keeps what happened.
    template <typename Condition>
    bool pump_until(ExecutorLink& link, Condition condition, Load load = {}) {
        // Asked first: one more pump would start the next executor, whose answers would come too.
        const auto deadline = core::now() + seconds{10};
        while (!condition()) {
            if (core::now() > deadline) return false;
            pump(link, core::now(), load);
            std::this_thread::sleep_for(milliseconds{5});
        }
        return true;
    }
    void pump(ExecutorLink& link, core::Instant now, Load load = {}, bool may_read = true) {
        LinkEvents events = link.pump(now, load, may_read);
        std::move(events.answers.begin(), events.answers.end(), std::back_inserter(answers_));
        std::move(events.alert_frames.begin(), events.alert_frames.end(), std::back_inserter(alerts_));
        std::move(events.kept.begin(), events.kept.end(), std::back_inserter(kept_));
        adopted_ |= events.adopted;
        if (events.death) death_ = events.death;
        became_ready_ |= events.became_ready;
    }
    // Until the other end is closed; leaves alone what it wrote.
    static bool hung_up(const ExecutorLink& link) {
        pollfd socket{link.fd(), 0, 0};
        return poll(&socket, 1, 10'000) == 1 && (socket.revents & POLLHUP) != 0;
    }

    test::TemporaryDirectory directory_;
    std::vector<ReceivedAnswer> answers_;
    std::optional<ExecutorDeath> death_;
    std::vector<std::int64_t> kept_;
    std::vector<std::string> alerts_;
    bool adopted_ = false;
    bool became_ready_ = false;
};

constexpr Load busy{true, false};
constexpr Load paid{true, true};

TEST_F(ExecutorLinkTest, AnswersOfADeadExecutorAreReadAfterAFailedWrite) {
    for (const bool flushed : {true, false}) {
        std::filesystem::remove(path("go"));
        answers_.clear();
        death_.reset();
        ExecutorLink link(plan("dies", "cat hello >&3; wait_for go; cat answer >&3\n"));
        ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
        tell("go");
        ASSERT_TRUE(hung_up(link));
        // As in a round of the worker: orders are queued and written before the next read, or with reading held back.
        ASSERT_TRUE(link.send(FrameType::order, 8, "{}"));
        if (flushed) link.flush();
        pump(link, core::now(), busy, flushed);
        ASSERT_TRUE(pump_until(
            link, [&] { return death_.has_value(); }, busy));
        ASSERT_EQ(answers_.size(), 1U) << flushed;
        EXPECT_EQ(answers_[0].attempt, 7);
        EXPECT_EQ(death_->unsent, std::vector<std::int64_t>{8});
        link.kill_now();
    }
}

TEST_F(ExecutorLinkTest, AnIdleExecutorThatDoesNotLeaveIsKilled) {
    ExecutorLink link(plan("first", "cat hello >&3; sleep 60\n"));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    EXPECT_EQ(link.next_timer({}), core::Instant::max());
    // Nobody listens to an idle executor: its silence counts from here.
    const core::Instant later = core::now() + seconds{3600};
    link.change_plan(plan("second", "cat hello >&3; sleep 60\n"));
    EXPECT_FALSE(link.ready());
    pump(link, later);
    EXPECT_EQ(link.next_timer({}), later + seconds{3});
    pump(link, later + seconds{9});
    EXPECT_FALSE(death_.has_value());
    EXPECT_NE(link.fd(), -1);
    pump(link, later + seconds{11});
    pump(link, later + seconds{14});
    ASSERT_TRUE(death_.has_value());
    EXPECT_EQ(death_->how, "it was silent");
    link.kill_now();
}

TEST_F(ExecutorLinkTest, APlanChangedBeforeTheHelloIsFollowed) {
    // It leaves when it has read a hello of 30 bytes and a drain of 16.
    ExecutorLink link(plan("first", "wait_for go; cat hello >&3; wait_for read; head -c 46 <&3 >got\n"));
    pump(link, core::now());
    link.change_plan(plan("second", "cat hello >&3; echo >started; sleep 60\n"));
    tell("go");
    EXPECT_FALSE(pump_until(link, [&] { return link.ready() || link.engine() != 0; }) && link.ready());
    EXPECT_FALSE(became_ready_);
    tell("read");
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    EXPECT_TRUE(std::filesystem::exists(path("started")));
    EXPECT_TRUE(became_ready_);
    ASSERT_TRUE(death_.has_value());
    EXPECT_TRUE(death_->asked_for);
    link.kill_now();
}

// Its last words come when the other end of the socket is closed, not when it is killed.
constexpr const char* orphan_lines = "cat hello >&3; until cat <&3 >>got; do sleep 0.01; done; echo >ended\n";

TEST_F(ExecutorLinkTest, ADrainingExecutorWithPaidCallsIsLetGoAfterTwoSeconds) {
    ExecutorLink link(plan("first", orphan_lines));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    link.change_plan(plan("second", "cat hello >&3; sleep 60\n"));
    const core::Instant start = core::now();
    pump(link, start, paid);
    EXPECT_EQ(link.next_timer(paid), start + seconds{2});
    pump(link, start + milliseconds{1900}, paid);
    EXPECT_FALSE(death_.has_value());
    pump(link, start + seconds{2}, paid);
    ASSERT_TRUE(death_.has_value());
    EXPECT_TRUE(death_->asked_for);
    EXPECT_TRUE(death_->blameless);
    // The next one starts at once, and its end kills no orphan.
    ASSERT_TRUE(pump_until(
        link, [&] { return link.ready(); }, paid));
    link.kill_now();
    EXPECT_TRUE(pump_until(link, [&] { return std::filesystem::exists(path("ended")); }));
}

TEST_F(ExecutorLinkTest, ADrainingExecutorWithoutPaidCallsIsWaitedFor) {
    ExecutorLink link(plan("first", orphan_lines));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    link.change_plan(plan("second", "cat hello >&3; sleep 60\n"));
    const core::Instant start = core::now();
    pump(link, start, busy);
    pump(link, start + seconds{9}, busy);
    EXPECT_FALSE(death_.has_value());
    EXPECT_NE(link.engine(), 0);
    link.kill_now();
}

TEST_F(ExecutorLinkTest, AtAStopTheWorkerSaysWhenAnExecutorIsLetGo) {
    ExecutorLink link(plan("first", orphan_lines));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    EXPECT_TRUE(link.drain().empty());
    link.retire();
    const core::Instant start = core::now();
    pump(link, start, paid);
    pump(link, start + seconds{9}, paid);
    EXPECT_FALSE(death_.has_value());
    link.let_go();
    EXPECT_FALSE(link.alive());
    link.kill_now();
    EXPECT_TRUE(pump_until(link, [&] { return std::filesystem::exists(path("ended")); }));
}

TEST_F(ExecutorLinkTest, AnExecutorNeedsNoLog) {
    ExecutorPlan without = plan("first", "cat hello >&3; sleep 60\n");
    without.log_file = path("hello") / "log";
    ExecutorLink link(std::move(without));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    link.kill_now();
}

TEST_F(ExecutorLinkTest, AtAStopAnIdleExecutorMayTidyUp) {
    ExecutorLink link(plan("first", "cat hello >&3; cat <&3 >got; sleep 0.02; echo >tidied\n"));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    EXPECT_TRUE(link.drain().empty());
    link.flush();
    link.kill_now();
    EXPECT_TRUE(std::filesystem::exists(path("tidied")));
    EXPECT_FALSE(link.alive());
}

TEST_F(ExecutorLinkTest, AtAStopAnExecutorThatStaysIsKilled) {
    ExecutorLink link(plan("first", "cat hello >&3; sleep 60\n"));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    const pid_t nanny = link.nanny();
    EXPECT_TRUE(link.drain().empty());
    const core::Instant start = core::now();
    link.kill_now();
    EXPECT_LT(core::now() - start, milliseconds{900});
    EXPECT_NE(kill(nanny, 0), 0);
}

TEST_F(ExecutorLinkTest, OrphansEndWithADatabaseThatIsDropped) {
    ExecutorLink link(plan("first", "cat hello >&3; sleep 60\n"));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    const pid_t orphan = link.nanny();
    link.let_go();
    EXPECT_EQ(kill(orphan, 0), 0);
    link.kill_all();
    EXPECT_NE(kill(orphan, 0), 0);
}

TEST_F(ExecutorLinkTest, AlertsAndTheEndOfTheAdoptionArePassedOn) {
    test::write_file(path("more"), wire::encode({FrameType::alert, 0, R"({"kind":"spool_full"})"}) +
                                       wire::encode({FrameType::adopted, 0, ""}));
    ExecutorLink link(plan("first", "cat hello more >&3; sleep 60\n"));
    ASSERT_TRUE(pump_until(link, [&] { return adopted_; }));
    ASSERT_EQ(alerts_.size(), 1U);
    EXPECT_EQ(alerts_[0], R"({"kind":"spool_full"})");
    link.kill_now();
}

TEST_F(ExecutorLinkTest, KeptAnswersArePassedOn) {
    test::write_file(path("kept"),
                     wire::encode({FrameType::kept, 7, ""}) + wire::encode({FrameType::kept, 1ULL << 40, ""}));
    ExecutorLink link(plan("first", "cat hello >&3; wait_for go; cat kept >&3; sleep 60\n"));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    tell("go");
    ASSERT_TRUE(pump_until(
        link, [&] { return kept_.size() == 2; }, paid));
    EXPECT_EQ(kept_, (std::vector<std::int64_t>{7, std::int64_t{1} << 40}));
    EXPECT_TRUE(link.ready());
    link.kill_now();
}

TEST_F(ExecutorLinkTest, AFrameThatOnlyAWorkerSendsEndsTheConnection) {
    for (const FrameType type : {FrameType::providers, FrameType::settled}) {
        death_.reset();
        test::write_file(path("more"), wire::encode({type, 0, "{}"}));
        ExecutorLink link(plan("first", "cat hello more >&3; cat <&3 >got; exit 7\n"));
        ASSERT_TRUE(pump_until(link, [&] { return death_.has_value(); }));
        EXPECT_EQ(death_->how, "it sent a frame that only a worker sends");
        link.kill_now();
    }
}

TEST_F(ExecutorLinkTest, AFrameOfPaceBelongsToTheAnswerThatComesNext) {
    test::write_file(path("frames"),
                     wire::encode({FrameType::pace, 7, "first"}) + wire::encode({FrameType::answer, 7, "{}"}) +
                         wire::encode({FrameType::answer, 8, "{}"}) + wire::encode({FrameType::pace, 1, "of another"}) +
                         wire::encode({FrameType::answer, 9, "{}"}));
    ExecutorLink link(plan("paced", "cat hello frames >&3\nsleep 60"));
    ASSERT_TRUE(pump_until(link, [&] { return answers_.size() == 3; }));
    EXPECT_EQ(answers_[0].pace, "first");
    EXPECT_EQ(answers_[1].pace, std::nullopt);
    EXPECT_EQ(answers_[2].pace, std::nullopt);
    link.kill_now();
}

TEST(InFlight, FindsTheTokenOfALeaseAndOfItsAnswer) {
    EXPECT_EQ(token_of(R"({"job": "a", "token": 9223372036854775807, "lane": 1})"), INT64_MAX);
    EXPECT_EQ(token_of(R"({"error":{"message":"\"token\":1"},"lease":{"token":2},"result":{"token":3}})"), 2);
    EXPECT_EQ(token_of(R"({"lease":{},"outcome":"failed"})"), std::nullopt);
    EXPECT_EQ(token_of(R"({"token":)"), std::nullopt);
}

TEST(InFlight, AKeptAnswerHasNoDeadline) {
    const core::Instant start = core::now();
    InFlight orders;
    orders.add(1, {5, {}, 0, start + seconds{1}, "{}", true});
    orders.add(2, {5, {}, 0, start + seconds{2}, "{}", true});
    EXPECT_TRUE(orders.keep(1));
    EXPECT_FALSE(orders.keep(3));
    EXPECT_EQ(orders.size(), 2U);
    EXPECT_EQ(orders.paid(), 2U);
    EXPECT_EQ(orders.next_deadline(), start + seconds{1});
    EXPECT_TRUE(orders.overdue(start + seconds{1}).empty());
    EXPECT_EQ(orders.next_deadline(), start + seconds{2});
    EXPECT_EQ(orders.overdue(start + seconds{2}), std::vector<std::int64_t>{2});
    orders.take(2);
    EXPECT_EQ(orders.next_deadline(), core::Instant::max());
    EXPECT_TRUE(orders.overdue(start + std::chrono::hours{24000}).empty());
    EXPECT_TRUE(orders.take(1)->paid);
}

TEST(InFlight, AKeptAnswerTakesNoPlace) {
    InFlight orders;
    orders.add(1, {5, {}, 0, {}, "{}", true});
    orders.add(2, {5, {}, 0, {}, "{}", true});
    orders.add(3, {6, {}, 0, {}, "{}", true});
    EXPECT_TRUE(orders.keep(1));
    EXPECT_TRUE(orders.keep(1)) << "it may be said twice";
    EXPECT_TRUE(orders.keep(3));
    EXPECT_EQ(orders.under_way(), 1U);
    EXPECT_EQ(orders.size(), 3U);
    EXPECT_TRUE(orders.take(1).has_value());
    EXPECT_EQ(orders.under_way(), 1U);
    EXPECT_TRUE(orders.take(2).has_value());
    EXPECT_EQ(orders.under_way(), 0U);
    EXPECT_TRUE(orders.take(3).has_value());
    EXPECT_EQ(orders.under_way(), 0U);
    EXPECT_TRUE(orders.empty());
}

TEST(InFlight, TheTimeOfACallBeginsWithItsProcess) {
    const core::Instant start = core::now();
    InFlight orders;
    Order waits{5, {}, 0, core::Instant::max(), "{}", false};
    waits.handled = true;
    orders.add(1, waits);
    orders.add(2, {5, {}, 0, start + seconds{9}, "{}", true});
    EXPECT_EQ(orders.handled(), 1U);
    EXPECT_TRUE(orders.overdue(start + seconds{1}).empty());
    orders.set_deadline(1, start + seconds{2});
    orders.set_deadline(3, start);
    EXPECT_EQ(orders.next_deadline(), start + seconds{2});
    EXPECT_EQ(orders.overdue(start + seconds{2}), std::vector<std::int64_t>{1});
    EXPECT_TRUE(orders.take(1)->handled);
    EXPECT_EQ(orders.handled(), 0U);
}

TEST(InFlight, CountsPaidOrders) {
    InFlight orders;
    orders.add(1, {0, {}, 0, {}, "{}", true});
    orders.add(2, {0, {}, 0, {}, "{}", false});
    orders.add(3, {0, {}, 0, {}, "{}", true});
    EXPECT_EQ(orders.paid(), 2U);
    orders.add(3, {0, {}, 0, {}, "{}", false});
    EXPECT_EQ(orders.size(), 3U);
    EXPECT_EQ(orders.paid(), 1U);
    EXPECT_TRUE(orders.take(1)->paid);
    EXPECT_FALSE(orders.take(1).has_value());
    EXPECT_EQ(orders.paid(), 0U);
}

}  // namespace
}  // namespace atelier::postgres
