#include "executor/http_client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "http_rig.hpp"
#include "raw_server.hpp"

namespace atelier::test {
namespace {

using namespace std::chrono_literals;

void answer_each(Peer& peer, const std::string& answer) {
    while (!peer.read_request().empty())
        if (!peer.send(answer)) return;
}

TEST(HttpClient, PostsTheRequestAsItIs) {
    RawServer server([](Peer& peer) { answer_each(peer, reply(200, "{}")); });
    HttpRig rig;
    const HttpEnd end = rig.call(HttpRig::request(server.url(), std::string(200'000, 'x')));
    expect_reply(end, 200, "{}");
    EXPECT_TRUE(end.body_left);
    ASSERT_EQ(server.requests().size(), 1U);
    const std::string request = server.requests().front();
    EXPECT_TRUE(request.starts_with("POST /v1/images?key=top-secret HTTP/1.1\r\n")) << request.substr(0, 300);
    EXPECT_NE(request.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
    EXPECT_NE(request.find("\r\nContent-Length: 200000\r\n"), std::string::npos);
    EXPECT_TRUE(request.ends_with("\r\n\r\n" + std::string(200'000, 'x')));
    for (const char* unwanted : {"Expect:", "Accept-Encoding:", "Transfer-Encoding:", "User-Agent:", "Cookie:"})
        EXPECT_EQ(request.find(unwanted), std::string::npos) << unwanted;
}

TEST(HttpClient, DoneIsNeverCalledWithinStart) {
    HttpRig rig;
    rig.start(HttpRig::request("no url at all"));
    rig.start({"http://127.0.0.1:1/", {"x-key: a\r\nx-other: b"}, "{}"});
    EXPECT_TRUE(rig.ends.empty());
    EXPECT_EQ(rig.client.under_way(), 2U);
    rig.run_until(2);
    EXPECT_EQ(rig.client.under_way(), 0U);
    expect_failure(rig.ends.at(1), ErrorClass::invalid_request, false, "URL");
    expect_failure(rig.ends.at(2), ErrorClass::invalid_request, false, "line break");
}

TEST(HttpClient, OtherSchemesAndUserNamesAreRefused) {
    HttpRig rig;
    for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "http://a:b@127.0.0.1/"})
        expect_failure(rig.call(url), ErrorClass::invalid_request, false, "URL");
}

TEST(HttpClient, AnEmptyBodyCountsAsLeftWithTheHead) {
    RawServer server([](Peer& peer) { peer.read_request(); });
    HttpRig rig;
    expect_failure(rig.call(HttpRig::request(server.url(), "")), ErrorClass::outcome_unknown, true, "closed");
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(HttpClient, FieldsKeepTheirOrderAndTheirDoubles) {
    RawServer server(
        [](Peer& peer) { answer_each(peer, reply(429, "{}", "X-Limit: 1\r\nRetry-After: 7\r\nx-limit: 2\r\n")); });
    HttpRig rig;
    const HttpEnd end = rig.call(server.url());
    expect_reply(end, 429, "{}");
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"x-limit", "1"}, {"retry-after", "7"}, {"x-limit", "2"}, {"content-length", "2"}};
    EXPECT_EQ(end.reply.value().headers, expected);
    EXPECT_EQ(end.reply.value().view().body, "{}");
}

TEST(HttpClient, NoRedirectIsFollowed) {
    RawServer server([](Peer& peer) { answer_each(peer, reply(307, "", "Location: /elsewhere\r\n")); });
    HttpRig rig;
    expect_reply(rig.call(server.url()), 307, "");
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(HttpClient, NothingIsDecompressed) {
    RawServer server(
        [](Peer& peer) { answer_each(peer, reply(200, "\x1f\x8b\x08 bomb", "Content-Encoding: gzip\r\n")); });
    HttpRig rig;
    const HttpEnd end = rig.call(server.url());
    expect_reply(end, 200, "\x1f\x8b\x08 bomb");
    EXPECT_EQ(end.reply.value().headers.front().first, "content-encoding");
}

TEST(HttpClient, ProxiesOfTheEnvironmentAreNotAsked) {
    RawServer proxy([](Peer& peer) { answer_each(peer, reply(200, "proxy")); });
    RawServer server([](Peer& peer) { answer_each(peer, reply(200, "server")); });
    ::setenv("http_proxy", proxy.url("").c_str(), 1);
    ::setenv("ALL_PROXY", proxy.url("").c_str(), 1);
    HttpRig rig;
    const HttpEnd end = rig.call(server.url());
    ::unsetenv("http_proxy");
    ::unsetenv("ALL_PROXY");
    expect_reply(end, 200, "server");
    EXPECT_EQ(proxy.connections(), 0);
}

TEST(HttpClient, ConnectionsAreKeptForTheNextCall) {
    RawServer server([](Peer& peer) { answer_each(peer, reply(200, "{}")); });
    HttpRig rig;
    for (int i = 0; i < 5; ++i)
        expect_reply(rig.call(server.url()), 200, "{}");
    EXPECT_EQ(server.connections(), 1);
    EXPECT_EQ(server.requests().size(), 5U);
}

TEST(HttpClient, ThreeHundredCallsAtOnceHaveThreeHundredConnectionsTwice) {
    constexpr int calls = 300;
    std::atomic<int> waiting{0};
    // Nobody is answered before all have asked: 300 calls are under way at once.
    RawServer server([&](Peer& peer) {
        for (int round = 1; !peer.read_request().empty(); ++round) {
            ++waiting;
            while (waiting < round * calls)
                std::this_thread::sleep_for(1ms);
            peer.send(reply(200, std::string(10'000, 'x')));
        }
    });
    HttpRig rig;
    for (std::size_t round = 1; round <= 2; ++round) {
        for (int i = 0; i < calls; ++i)
            rig.start(HttpRig::request(server.url()));
        EXPECT_EQ(rig.client.under_way(), std::size_t{calls});
        rig.run_until(round * calls);
    }
    EXPECT_EQ(std::count_if(rig.ends.begin(), rig.ends.end(), [](const auto& e) { return e.second.reply.ok(); }), 600);
    EXPECT_EQ(server.connections(), calls);
}

TEST(HttpClient, DestroyedWithCallsUnderWayItSaysNothing) {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        peer.wait_for_close();
    });
    executor::EventLoop loop;
    bool called = false;
    {
        executor::HttpClient client(loop, 1'000'000);
        const auto done = [&](const HttpEnd&) { called = true; };
        for (int i = 0; i < 10; ++i)
            client.start(HttpRig::request(server.url()), {}, done);
        client.start(HttpRig::request("no url"), {}, done);
        loop.at(core::now() + 50ms, [&] {
            called = false;  // of the one without a URL
            client.cancel(1);
            client.start(HttpRig::request(server.url()), {}, done);
            loop.stop();
        });
        loop.run();
    }
    loop.at(core::now() + 20ms, [&] { loop.stop(); });
    loop.run();
    EXPECT_FALSE(called);
}

TEST(HttpClient, MayBeDestroyedByTheDoneOfACall) {
    RawServer server([](Peer& peer) { answer_each(peer, reply(200, "{}")); });
    executor::EventLoop loop;
    auto client = std::make_unique<executor::HttpClient>(loop, 1'000'000);
    int ended = 0;
    for (int i = 0; i < 5; ++i) {
        client->start(HttpRig::request("no url"), {}, [&](const HttpEnd&) {
            ++ended;
            client.reset();
            loop.stop();
        });
    }
    client->start(HttpRig::request(server.url()), {}, [&](const HttpEnd&) { ++ended; });
    loop.run();
    loop.at(core::now() + 20ms, [&] { loop.stop(); });
    loop.run();
    EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace atelier::test
