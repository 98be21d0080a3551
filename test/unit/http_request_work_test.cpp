// `http.request` of users, from the order to the answer.

#include <gtest/gtest.h>

#include "executor/http_request_work.hpp"
#include "executor/order.hpp"
#include "executor_process.hpp"
#include "http_rig.hpp"
#include "played_system.hpp"
#include "raw_server.hpp"
#include "tls_authority.hpp"

namespace atelier::test {
namespace {

using executor::Order;
using executor::WebAccess;
using executor::WorkEnd;

std::string hosts_frame(const std::string& open, const std::string& own) {
    return Json{{"providers", Json::array()}, {"http", {{"hosts", open}, {"private_hosts", own}}}}.dump();
}

Json order_of(const Json& request) {
    return {{"lease", {{"job", "6f9c"}, {"attempt", 1}}},
            {"action", "http.request"},
            {"provider", "http"},
            {"model", "remind"},
            {"position", 3},
            {"timeout_ms", 20'000},
            {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
            {"request", request}};
}

class HttpRequest : public testing::Test {
  protected:
    explicit HttpRequest() { ::signal(SIGPIPE, SIG_IGN); }

    // The server's own name and port, named as `good.test` (loopback) or `far.test` (public).
    void open(const std::string& open, const std::string& own = "") {
        const auto taken = access.set(hosts_frame(open, own));
        ASSERT_TRUE(taken.ok()) << taken.error().message;
    }

    WorkEnd run(const Json& request) {
        const Order order = executor::parse_order(1, order_of(request).dump());
        if (!order.request) return {order.request.error()};
        auto work = std::make_shared<executor::HttpRequestWork>(access, std::get<provider::WebRequest>(*order.request));
        std::optional<WorkEnd> end;
        work->start([&](WorkEnd came) {
            end = std::move(came);
            loop.stop();
        });
        EXPECT_FALSE(end) << "done was called from within start()";
        loop.run();
        told = end->result.ok() ? core::PaceKind::answered : work->tells(end->result.error().cls);
        return std::move(*end);
    }

    void expect_refused(const std::string& url, const std::string& words, const Json& more = Json::object()) {
        Json request{{"url", url}};
        request.update(more);
        const WorkEnd end = run(request);
        ASSERT_FALSE(end.result.ok()) << *end.result;
        EXPECT_EQ(core::to_string(end.result.error().cls), "invalid_request") << end.result.error().message;
        EXPECT_NE(end.result.error().message.find(words), std::string::npos) << end.result.error().message;
    }

    TlsAuthority authority;
    executor::EventLoop loop;
    WebAccess access{loop, authority.file()};
    core::PaceKind told = core::PaceKind::answered;
};

RawServer::Script answering_each(std::string answer) {
    return [answer = std::move(answer)](Peer& peer) {
        while (!peer.read_request().empty())
            if (!peer.send(answer)) return;
    };
}

TEST_F(HttpRequest, IsMadeAndAnswered) {
    const TlsContext context = authority.server("DNS:far.test");
    RawServer server(answering_each(reply(200, R"({"ok":true})", "Content-Type: application/json\r\n")), context.get());
    const NearNetwork near;
    open("far.test:" + std::to_string(server.port()));
    const WorkEnd end = run({{"method", "PUT"},
                             {"url", server.url_of_host("https", "far.test") + "/v1/things/7?x=1"},
                             {"headers", {{"X-Own", "yes"}}},
                             {"body", {{"name", "chair"}}}});
    ASSERT_TRUE(end.result.ok()) << end.result.error().message;
    EXPECT_EQ(*end.result,
              Json::parse(R"({"status":200,"headers":{"content-type":"application/json"},"body":{"ok":true}})"));
    ASSERT_EQ(server.requests().size(), 1U);
    const std::string sent = server.requests().front();
    EXPECT_TRUE(sent.starts_with("PUT /v1/things/7?x=1 HTTP/1.1\r\n")) << sent;
    EXPECT_TRUE(sent.ends_with("\r\n\r\n{\"name\":\"chair\"}")) << sent;
    for (const char* line :
         {"Content-Type: application/json", "X-Own: yes", "Idempotency-Key: 6f9c-3", "User-Agent: pg_atelier",
          "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        EXPECT_NE(sent.find(std::string("\r\n") + line + "\r\n"), std::string::npos) << line;
}

TEST_F(HttpRequest, NobodyIsCalledByDefault) {
    RawServer server(answering_each(reply(200, "")));
    expect_refused(server.url_of_host("https", "good.test"), "is not among pg_atelier.http_hosts");
    ASSERT_TRUE(access.set(hosts_frame("*", "")).ok());
    ASSERT_TRUE(access.set(R"({"providers":[]})").ok());
    expect_refused("https://far.test/", "is not among pg_atelier.http_hosts");
    ASSERT_TRUE(access.set(hosts_frame("*", "")).ok());
    EXPECT_FALSE(access.set(R"({"http":{"hosts":"*"}})").ok());
    expect_refused("https://far.test/", "is not among pg_atelier.http_hosts");
    EXPECT_EQ(server.connections(), 0);
}

TEST_F(HttpRequest, APrivateAddressIsForHostsOfOnesOwn) {
    const TlsContext context = authority.server("DNS:good.test");
    RawServer server(answering_each(reply(200, "hello")), context.get());
    const std::string place = "good.test:" + std::to_string(server.port());
    open(place);
    expect_refused("https://" + place + "/", "has an address that is not public");
    EXPECT_EQ(server.connections(), 0);
    open("", place);
    EXPECT_EQ(run({{"url", "https://" + place + "/"}}).result->at("body"), "hello");
    // The connection that is kept is not theirs who may not open one.
    open(place);
    expect_refused("https://" + place + "/", "has an address that is not public");
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(HttpRequest, HostsOfOnesOwnAreCalledOverHttp) {
    RawServer server(answering_each(reply(200, "hello")));
    const std::string place = "127.0.0.1:" + std::to_string(server.port());
    open("", place);
    EXPECT_EQ(run({{"url", "http://" + place + "/"}}).result->at("body"), "hello");
    EXPECT_EQ(run({{"url", "http://" + place + "/"}, {"method", "HEAD"}}).result->at("status"), 200);
}

TEST_F(HttpRequest, ARedirectionIsNotFollowed) {
    RawServer target(answering_each(reply(200, "secret")));
    RawServer server(answering_each(reply(302, "", "Location: " + target.url("/secret") + "\r\n")));
    const std::string place = "127.0.0.1:" + std::to_string(server.port());
    open("", place + ", 127.0.0.1:" + std::to_string(target.port()));
    expect_refused("http://" + place + "/", "answered 302, a redirection to 127.0.0.1, which is not followed");
    EXPECT_EQ(target.connections(), 0);
}

// What became of it nobody knows, and it may be made again: the key tells the server.
TEST_F(HttpRequest, AConnectionThatBreaksIsTriedAgain) {
    RawServer server(after_request([](Peer& peer) { peer.reset(); }));
    const std::string place = "127.0.0.1:" + std::to_string(server.port());
    open("", place);
    const WorkEnd end = run({{"url", "http://" + place + "/"}, {"body", "x"}});
    ASSERT_FALSE(end.result.ok());
    EXPECT_EQ(end.result.error().cls, ErrorClass::network);
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(HttpRequest, EndsWithItsOwnTimeout) {
    RawServer server(after_request([](Peer& peer) { peer.wait_for_close(); }));
    const std::string place = "127.0.0.1:" + std::to_string(server.port());
    open("", place);
    const WorkEnd end = run({{"url", "http://" + place + "/"}, {"timeout_ms", 200}});
    ASSERT_FALSE(end.result.ok());
    EXPECT_EQ(end.result.error().message, "no answer from " + place + " within 200 ms");
    EXPECT_EQ(end.result.error().cls, ErrorClass::network);
}

TEST_F(HttpRequest, AnAnswerOfMoreThanAMegabyteIsNone) {
    RawServer server(answering_each(reply(200, std::string(1'000'001, 'x'))));
    const std::string place = "127.0.0.1:" + std::to_string(server.port());
    open("", place);
    const WorkEnd end = run({{"url", "http://" + place + "/"}});
    ASSERT_FALSE(end.result.ok());
    EXPECT_EQ(end.result.error().cls, ErrorClass::invalid_output);
}

// Others of the lane call elsewhere: it must not rest for one address of many.
TEST_F(HttpRequest, TheLaneIsToldNothing) {
    for (const int status : {429, 500, 503}) {
        RawServer server(answering_each(reply(status, "no", "Retry-After: 7\r\n")));
        const std::string place = "127.0.0.1:" + std::to_string(server.port());
        open("", place);
        const WorkEnd end = run({{"url", "http://" + place + "/"}});
        ASSERT_FALSE(end.result.ok());
        EXPECT_EQ(end.retry_after, core::Milliseconds{7000});
        EXPECT_EQ(told, core::PaceKind::unknown) << status;
    }
}

TEST(HttpRequestOrder, AnswersOfTheProgram) {
    RawServer server([](Peer& peer) {
        for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) {
            if (request.starts_with("GET /slow")) return peer.wait_for_close();
            peer.send(request.starts_with("GET /busy") ? reply(429, "no", "Retry-After: 7\r\n") : reply(200, "hello"));
        }
    });
    const std::string place = "127.0.0.1:" + std::to_string(server.port());
    ExecutorProcess executor;
    Json hello = executor.hello();
    hello["shutdown_wait_ms"] = 100;
    executor.start(hello);
    const auto order = [&](std::uint64_t attempt, const std::string& url) {
        executor.order(attempt, "http.request", {{"url", url}}, 20'000, "http");
    };
    order(1, "http://" + place + "/");
    EXPECT_EQ(executor.answer(1)["error"]["class"], "invalid_request");
    executor.send(wire::FrameType::providers, 0, hosts_frame("", place));
    order(2, "http://" + place + "/");
    EXPECT_EQ(executor.answer(2)["result"]["body"], "hello");
    order(3, "http://" + place + "/busy");
    const Json busy = executor.answer(3);
    EXPECT_EQ(busy["error"]["class"], "rate_limited");
    EXPECT_EQ(busy["error"]["retry_after_ms"], 7000);
    order(4, "http://" + place + "/slow");
    ASSERT_TRUE(eventually([&] { return server.requests().size() >= 3; }));
    executor.send(wire::FrameType::cancel, 4);
    EXPECT_EQ(executor.answer(4)["error"]["class"], "cancelled");
    // In the lane of a library of photos it is another order.
    executor.order(5, "http.request", {{"url", "http://" + place + "/"}}, 20'000, "unsplash");
    EXPECT_EQ(executor.answer(5)["error"]["message"], "the order names no library of the photo");
    // What is under way when the worker drains goes back.
    order(6, "http://" + place + "/slow");
    ASSERT_TRUE(eventually([&] { return server.requests().size() >= 4; }));
    executor.send(wire::FrameType::drain);
    EXPECT_EQ(executor.answer(6)["outcome"], "not_sent");
    EXPECT_EQ(executor.wait_for_nanny(), 0);
}

}  // namespace
}  // namespace atelier::test
