// The worker's connection to its executor, with shell scripts that play the executor.

#include "postgres/executor_link.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <iterator>
#include <thread>

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
    bool pump_until(ExecutorLink& link, Condition condition, bool busy = false) {
        // Asked first: one more pump would start the next executor, whose answers would come too.
        const auto deadline = core::now() + seconds{10};
        while (!condition()) {
            if (core::now() > deadline) return false;
            pump(link, core::now(), busy);
            std::this_thread::sleep_for(milliseconds{5});
        }
        return true;
    }
    void pump(ExecutorLink& link, core::Instant now, bool busy, bool may_read = true) {
        LinkEvents events = link.pump(now, busy, may_read);
        std::move(events.answers.begin(), events.answers.end(), std::back_inserter(answers_));
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
    bool became_ready_ = false;
};

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
        pump(link, core::now(), true, flushed);
        ASSERT_TRUE(pump_until(
            link, [&] { return death_.has_value(); }, true));
        ASSERT_EQ(answers_.size(), 1U) << flushed;
        EXPECT_EQ(answers_[0].attempt, 7);
        EXPECT_EQ(death_->unsent, std::vector<std::int64_t>{8});
        link.kill_now();
    }
}

TEST_F(ExecutorLinkTest, AnIdleExecutorThatDoesNotLeaveIsKilled) {
    ExecutorLink link(plan("first", "cat hello >&3; sleep 60\n"));
    ASSERT_TRUE(pump_until(link, [&] { return link.ready(); }));
    EXPECT_EQ(link.next_timer(false), core::Instant::max());
    // Nobody listens to an idle executor: its silence counts from here.
    const core::Instant later = core::now() + seconds{3600};
    link.change_plan(plan("second", "cat hello >&3; sleep 60\n"));
    EXPECT_FALSE(link.ready());
    pump(link, later, false);
    EXPECT_EQ(link.next_timer(false), later + seconds{3});
    pump(link, later + seconds{9}, false);
    EXPECT_FALSE(death_.has_value());
    EXPECT_NE(link.fd(), -1);
    pump(link, later + seconds{11}, false);
    pump(link, later + seconds{14}, false);
    ASSERT_TRUE(death_.has_value());
    EXPECT_EQ(death_->how, "it was silent");
    link.kill_now();
}

TEST_F(ExecutorLinkTest, APlanChangedBeforeTheHelloIsFollowed) {
    // It leaves when it has read a hello of 30 bytes and a drain of 16.
    ExecutorLink link(plan("first", "wait_for go; cat hello >&3; wait_for read; head -c 46 <&3 >got\n"));
    pump(link, core::now(), false);
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

}  // namespace
}  // namespace atelier::postgres
