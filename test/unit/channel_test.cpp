#include "executor/channel.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <vector>

namespace atelier::executor {
namespace {

using core::Milliseconds;
using core::Result;
using storage::UniqueFd;
using wire::FrameType;

class ChannelTest : public testing::Test {
  protected:
    ChannelTest() {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        worker_.reset(ends[1]);
        channel_.emplace(loop_, UniqueFd(ends[0]),
                         Channel::Handlers{[this](const wire::Frame& frame) { on_frame(frame); },
                                           [this](const Result<void>& reason) {
                                               end_ = reason;
                                               loop_.stop();
                                           },
                                           [this] { ++flushed_; }});
        loop_.at(core::now() + Milliseconds{5000}, [this] { loop_.stop(); });
    }
    void on_frame(const wire::Frame& frame) {
        frames_.push_back(frame);
        if (frames_.size() == stop_after_) loop_.stop();
    }
    void worker_writes(const std::string& bytes) {
        EXPECT_EQ(::write(worker_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }

    EventLoop loop_;
    UniqueFd worker_;
    std::optional<Channel> channel_;
    std::vector<wire::Frame> frames_;
    std::optional<Result<void>> end_;
    std::size_t stop_after_ = 0;
    int flushed_ = 0;
};

TEST_F(ChannelTest, FramesBeforeTheEndAreRead) {
    worker_writes(wire::encode({FrameType::ping, 0, ""}) + wire::encode({FrameType::drain, 0, ""}));
    worker_.reset();
    loop_.run();
    ASSERT_EQ(frames_.size(), 2U);
    EXPECT_EQ(frames_[1].type, FrameType::drain);
    ASSERT_TRUE(end_.has_value());
    EXPECT_TRUE(end_->ok());
}

TEST_F(ChannelTest, GarbageEndsTheChannelWithAnError) {
    worker_writes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_.run();
    ASSERT_TRUE(end_.has_value());
    EXPECT_FALSE(end_->ok());
    EXPECT_TRUE(frames_.empty());
}

TEST_F(ChannelTest, AWorkerThatDoesNotReadGetsNothingMoreIn) {
    const std::string payload(1 << 20, 'x');
    while (channel_->unsent_bytes() <= Channel::max_unsent_bytes)
        channel_->send(FrameType::answer, 1, payload);
    worker_writes(wire::encode({FrameType::ping, 0, ""}));
    loop_.at(core::now() + Milliseconds{100}, [this] { loop_.stop(); });
    loop_.run();
    EXPECT_TRUE(frames_.empty());

    // It reads again: all answers come, and the ping is taken.
    stop_after_ = 1;
    std::size_t received = 0;
    const std::size_t expected = channel_->unsent_bytes();
    const auto id = loop_.watch(worker_.get(), 1, [&](std::uint32_t) {
        std::vector<char> bytes(1 << 20);
        const ssize_t got = ::recv(worker_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got > 0) received += static_cast<std::size_t>(got);
    });
    loop_.run();
    EXPECT_EQ(frames_.size(), 1U);
    stop_after_ = 0;
    loop_.at(core::now() + Milliseconds{200}, [this] { loop_.stop(); });
    loop_.run();
    EXPECT_GE(received, expected);
    EXPECT_EQ(channel_->unsent_bytes(), 0U);
    EXPECT_GE(flushed_, 1);
    loop_.unwatch(id);
}

TEST_F(ChannelTest, AWorkerThatGoesWhileReadingIsPausedEndsTheChannel) {
    const std::string payload(1 << 20, 'x');
    while (channel_->unsent_bytes() <= Channel::max_unsent_bytes)
        channel_->send(FrameType::answer, 1, payload);
    worker_.reset();
    loop_.run();
    ASSERT_TRUE(end_.has_value());
    EXPECT_TRUE(end_->ok());
}

}  // namespace
}  // namespace atelier::executor
