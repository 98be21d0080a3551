#include "executor/task_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace atelier::executor {
namespace {

using namespace std::chrono_literals;

TEST(TaskPool, WorkRunsInAThreadAndDoneInTheLoop) {
    EventLoop loop;
    TaskPool pool(loop, 2);
    std::thread::id worker;
    std::thread::id finisher;
    pool.run([&] { worker = std::this_thread::get_id(); },
             [&] {
                 finisher = std::this_thread::get_id();
                 loop.stop();
             });
    loop.run();
    EXPECT_NE(worker, std::this_thread::get_id());
    EXPECT_EQ(finisher, std::this_thread::get_id());
}

TEST(TaskPool, OneThreadKeepsTheOrder) {
    EventLoop loop;
    TaskPool pool(loop, 1);
    std::vector<int> worked;
    std::vector<int> done;
    std::vector<int> expected;
    for (int i = 0; i < 1000; ++i) {
        expected.push_back(i);
        pool.run([&worked, i] { worked.push_back(i); },
                 [&, i] {
                     EXPECT_EQ(worked.at(static_cast<std::size_t>(i)), i);
                     done.push_back(i);
                     if (i == 999) loop.stop();
                 });
    }
    loop.run();
    EXPECT_EQ(worked, expected);
    EXPECT_EQ(done, expected);
}

TEST(TaskPool, ThreadsWorkAtTheSameTime) {
    EventLoop loop;
    TaskPool pool(loop, 3);
    std::latch all_three(3);
    int ended = 0;
    for (int i = 0; i < 3; ++i)
        pool.run([&] { all_three.arrive_and_wait(); },
                 [&] {
                     if (++ended == 3) loop.stop();
                 });
    loop.run();
    EXPECT_EQ(ended, 3);
}

TEST(TaskPool, ThreadsTakeNoSignal) {
    EventLoop loop;
    TaskPool pool(loop, 1);
    sigset_t blocked;
    pool.run([&] { ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked); }, [&] { loop.stop(); });
    loop.run();
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1})
        EXPECT_EQ(::sigismember(&blocked, signal), 1) << signal;
    sigset_t own;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &own);
    EXPECT_EQ(::sigismember(&own, SIGUSR1), 0);
}

TEST(TaskPool, DestroyedItWaitsForWhatRunsAndDropsTheRest) {
    EventLoop loop;
    std::atomic<bool> running{false};
    std::atomic<bool> ran{false};
    std::atomic<int> dropped_ran{0};
    bool done = false;
    const auto captured = std::make_shared<int>(0);
    {
        TaskPool pool(loop, 2);
        pool.run([] {}, [&done] { done = true; });
        pool.run(
            [&] {
                running = true;
                std::this_thread::sleep_for(50ms);
                ran = true;
            },
            [&done] { done = true; });
        while (!running)
            std::this_thread::sleep_for(1ms);
        // The other thread is kept busy too.
        std::latch busy(1);
        pool.run(
            [&busy] {
                busy.count_down();
                std::this_thread::sleep_for(50ms);
            },
            [&done] { done = true; });
        busy.wait();
        for (int i = 0; i < 100; ++i)
            pool.run([&dropped_ran, captured] { ++dropped_ran; }, [&done, captured] { done = true; });
    }
    EXPECT_TRUE(ran);
    EXPECT_EQ(dropped_ran, 0);
    EXPECT_EQ(captured.use_count(), 1);
    loop.at(core::now() + 5ms, [&] { loop.stop(); });
    loop.run();
    EXPECT_FALSE(done);
}

TEST(TaskPool, MayBeDestroyedByADone) {
    EventLoop loop;
    auto pool = std::make_unique<TaskPool>(loop, 2);
    int done = 0;
    for (int i = 0; i < 10; ++i) {
        pool->run([] {},
                  [&] {
                      ++done;
                      pool.reset();
                      loop.stop();
                  });
    }
    loop.run();
    loop.at(core::now() + 5ms, [&] { loop.stop(); });
    loop.run();
    EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace atelier::executor
