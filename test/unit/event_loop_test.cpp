#include "executor/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vector>

namespace atelier::executor {
namespace {

using core::Milliseconds;
using storage::UniqueFd;

UniqueFd ready_fd() {
    return UniqueFd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
}

TEST(EventLoop, TimersFireInOrderAndNotEarly) {
    EventLoop loop;
    const auto start = core::now();
    std::vector<int> fired;
    loop.at(start + Milliseconds{30}, [&] {
        fired.push_back(2);
        EXPECT_GE(core::now(), start + Milliseconds{30});
        loop.stop();
    });
    loop.at(start + Milliseconds{10}, [&] { fired.push_back(1); });
    const auto cancelled = loop.at(start + Milliseconds{20}, [&] { fired.push_back(99); });
    loop.cancel(cancelled);
    loop.cancel(cancelled);
    loop.run();
    EXPECT_EQ(fired, (std::vector<int>{1, 2}));
}

TEST(EventLoop, AWatchTakenAwayInTheSameRoundIsNotServed) {
    EventLoop loop;
    const UniqueFd first = ready_fd();
    const UniqueFd second = ready_fd();
    int calls = 0;
    EventLoop::WatchId ids[2];
    const auto handler = [&](std::uint32_t) {
        ++calls;
        loop.unwatch(ids[0]);
        loop.unwatch(ids[1]);
    };
    ids[0] = loop.watch(first.get(), EPOLLIN, handler);
    ids[1] = loop.watch(second.get(), EPOLLIN, handler);
    loop.at(core::now() + Milliseconds{20}, [&] { loop.stop(); });
    loop.run();
    EXPECT_EQ(calls, 1);
}

TEST(EventLoop, AHandlerMayRemoveItself) {
    EventLoop loop;
    const UniqueFd fd = ready_fd();
    auto alive = std::make_shared<int>(0);
    EventLoop::WatchId id = 0;
    id = loop.watch(fd.get(), EPOLLIN, [&loop, &id, alive](std::uint32_t) {
        loop.unwatch(id);
        ++*alive;
        loop.stop();
    });
    loop.run();
    EXPECT_EQ(*alive, 1);
    EXPECT_EQ(alive.use_count(), 1);
}

TEST(EventLoop, EventsOfInterestCanChange) {
    EventLoop loop;
    const UniqueFd fd = ready_fd();
    int calls = 0;
    const auto id = loop.watch(fd.get(), 0, [&](std::uint32_t events) {
        EXPECT_NE(events & EPOLLIN, 0U);
        ++calls;
        loop.stop();
    });
    loop.at(core::now() + Milliseconds{10}, [&] {
        EXPECT_EQ(calls, 0);
        loop.change(id, EPOLLIN);
    });
    loop.run();
    EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace atelier::executor
