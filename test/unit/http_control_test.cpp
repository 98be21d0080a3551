// What the engine does to calls that are under way: takes them back, and holds them back when memory is short.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "http_rig.hpp"
#include "played_system.hpp"
#include "raw_server.hpp"

namespace atelier::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t megabyte = 1'000'000;

// Cancels the call at this moment of it, and returns its end.
HttpEnd cancel_after(HttpRig& rig, HttpRig::CallId id, Milliseconds wait) {
    core::Instant cancelled_at;
    rig.loop.at(core::now() + wait, [&] {
        rig.client.cancel(id);
        rig.client.cancel(id);
        EXPECT_TRUE(rig.ends.empty()) << "done was called within cancel()";
        cancelled_at = core::now();
    });
    rig.run_until(1);
    EXPECT_LT(core::now() - cancelled_at, 500ms);
    EXPECT_EQ(rig.client.under_way(), 0U);
    return std::move(rig.ends.extract(id).mapped());
}

TEST(HttpCancel, BeforeTheFirstTurn) {
    HttpRig rig;
    const auto id = rig.start(HttpRig::request("http://127.0.0.1:9/images"));
    rig.client.cancel(id);
    rig.client.cancel(12345);
    EXPECT_TRUE(rig.ends.empty());
    rig.run_until(1);
    expect_failure(rig.ends.at(id), ErrorClass::cancelled, false, "cancelled before the request left");
}

TEST(HttpCancel, WhileTheNameIsResolved) {
    const SlowNameService slow;
    HttpRig rig;
    const auto id = rig.start(HttpRig::request("http://slow.test/images"));
    expect_failure(cancel_after(rig, id, 20ms), ErrorClass::cancelled, false, "before the request left");
}

TEST(HttpCancel, WhileConnecting) {
    const DeafPort deaf;
    HttpRig rig;
    const auto id = rig.start(HttpRig::request(deaf.url()));
    expect_failure(cancel_after(rig, id, 20ms), ErrorClass::cancelled, false, "before the request left");
}

TEST(HttpCancel, DuringTheTlsHandshake) {
    RawServer server([](Peer& peer) { peer.wait_for_close(); });
    HttpRig rig;
    const auto id = rig.start(HttpRig::request(server.url_of_host("https", "127.0.0.1")));
    expect_failure(cancel_after(rig, id, 20ms), ErrorClass::cancelled, false, "before the request left");
}

TEST(HttpCancel, WhileTheBodyLeaves) {
    RawServer server([](Peer& peer) {
        peer.read_until("begin");
        std::this_thread::sleep_for(200ms);
    });
    HttpRig rig;
    const auto id = rig.start(HttpRig::request(server.url(), "begin" + std::string(30 * megabyte, 'x')));
    expect_failure(cancel_after(rig, id, 50ms), ErrorClass::cancelled, true, "under way");
}

TEST(HttpCancel, WhileWaitingForTheAnswer) {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.wait_for_close();
    });
    HttpRig rig;
    const auto id = rig.start(HttpRig::request(server.url()));
    EXPECT_FALSE(rig.client.body_left(id));
    rig.loop.at(core::now() + 40ms, [&] { EXPECT_TRUE(rig.client.body_left(id)); });
    expect_failure(cancel_after(rig, id, 50ms), ErrorClass::cancelled, true, "under way");
    EXPECT_FALSE(rig.client.body_left(id));
}

TEST(HttpCancel, WhileTheAnswerIsRead) {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        peer.wait_for_close();
    });
    HttpRig rig;
    const auto id = rig.start(HttpRig::request(server.url()));
    expect_failure(cancel_after(rig, id, 50ms), ErrorClass::cancelled, true, "under way");
}

TEST(HttpCancel, ACancelledCallLeavesTheOthersAlone) {
    RawServer server([](Peer& peer) {
        while (!peer.read_request().empty()) {
            std::this_thread::sleep_for(30ms);
            peer.send(reply(200, "{}"));
        }
    });
    HttpRig rig;
    for (int i = 0; i < 20; ++i)
        rig.start(HttpRig::request(server.url()));
    for (HttpRig::CallId id = 1; id <= 20; id += 2)
        rig.client.cancel(id);
    rig.run_until(20);
    for (const auto& [id, end] : rig.ends)
        EXPECT_EQ(end.reply.ok(), id % 2 == 0);
}

// Sends the bodies of all connections in small steps, as far as they are read.
class SlowBodies {
  public:
    explicit SlowBodies(std::size_t size)
        : server_([this, size](Peer& peer) {
              peer.read_request();
              peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
              for (std::size_t sent = 0; sent < size; sent += step) {
                  if (!peer.send(std::string(step, 'x'))) return;
                  std::this_thread::sleep_for(1ms);
              }
              ++sent_whole;
              peer.wait_for_close();
          }) {}

    std::string url() const { return server_.url(); }

    static constexpr std::size_t step = 250'000;
    std::atomic<int> sent_whole{0};

  private:
    RawServer server_;
};

TEST(HttpMemory, RepliesOverTheBudgetAreReadOneAfterTheOther) {
    constexpr std::size_t size = 20 * megabyte;
    SlowBodies bodies(size);
    HttpRig rig(megabyte);
    for (int i = 0; i < 6; ++i)
        rig.start(HttpRig::request(bodies.url()));
    for (std::size_t ended = 1; ended <= 6; ++ended) {
        rig.run_until(ended);
        // One more may be in the buffers of the sockets.
        EXPECT_LE(bodies.sent_whole, static_cast<int>(ended) + 1);
    }
    for (const auto& [id, end] : rig.ends) {
        ASSERT_TRUE(end.reply.ok()) << end.reply.error().message;
        EXPECT_EQ(end.reply.value().body.size(), size);
    }
}

// Answers with 3 MB: slowly to "first", at once to others, to "silent" all but the last byte.
void answer_three_megabytes(Peer& peer) {
    const std::string request = peer.read_request();
    const bool first = request.ends_with("first");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
    for (int i = 0; i < 30; ++i) {
        if (first) std::this_thread::sleep_for(15ms);
        peer.send(std::string(i == 29 && request.ends_with("silent") ? 99'999 : 100'000, 'x'));
    }
    peer.wait_for_close();
}

TEST(HttpMemory, TheClockOfProgressStandsStillWhileACallIsHeldBack) {
    RawServer server(answer_three_megabytes);
    HttpRig rig(100'000);
    const HttpLimits limits{10s, 200ms, 10s};
    rig.start(HttpRig::request(server.url(), "first"), limits);
    rig.loop.at(core::now() + 100ms, [&] { rig.start(HttpRig::request(server.url(), "second"), limits); });
    rig.run_until(2);
    for (const auto& [id, end] : rig.ends)
        EXPECT_TRUE(end.reply.ok()) << end.reply.error().message;
}

TEST(HttpMemory, TheClockOfProgressGoesOnWithTheCall) {
    RawServer server(answer_three_megabytes);
    HttpRig rig(100'000);
    const HttpLimits limits{10s, 200ms, 10s};
    const auto start = core::now();
    rig.start(HttpRig::request(server.url(), "first"), limits);
    rig.loop.at(core::now() + 100ms, [&] { rig.start(HttpRig::request(server.url(), "silent"), limits); });
    rig.run_until(2);
    EXPECT_TRUE(rig.ends.at(1).reply.ok());
    expect_failure(rig.ends.at(2), ErrorClass::outcome_unknown, true, "200 ms");
    EXPECT_LT(core::now() - start, 3s);
}

TEST(HttpMemory, CallsThatAreHeldBackCanBeCancelledAndRunOutOfTime) {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + std::string(2'000'000, 'x'));
        peer.wait_for_close();
    });
    HttpRig rig(100'000);
    const auto oldest = rig.start(HttpRig::request(server.url()));
    rig.loop.at(core::now() + 50ms, [&] {
        rig.start(HttpRig::request(server.url()));
        rig.start(HttpRig::request(server.url()), {10s, 10s, 200ms});
    });
    rig.loop.at(core::now() + 120ms, [&] { rig.client.cancel(2); });
    rig.run_until(1);
    expect_failure(rig.ends.at(2), ErrorClass::cancelled, true, "under way");
    rig.run_until(2);
    expect_failure(rig.ends.at(3), ErrorClass::outcome_unknown, true, "200 ms");
    rig.client.cancel(oldest);
    rig.run_until(3);
}

}  // namespace
}  // namespace atelier::test
