// Requests other than POST: what leaves, and what may leave twice.

#include <gtest/gtest.h>

#include <string>

#include "http_rig.hpp"
#include "raw_server.hpp"

namespace atelier::test {
namespace {

void answer_each(Peer& peer, const std::string& answer) {
    while (!peer.read_request().empty())
        if (!peer.send(answer)) return;
}

core::HttpRequest request(std::string url, std::string method, std::string body = {}) {
    return {std::move(url), {"x-key: very-secret"}, std::move(body), std::move(method)};
}

class HttpMethods : public testing::TestWithParam<const char*> {};

TEST_P(HttpMethods, LeavesAsItIsWithNothingAdded) {
    const std::string method = GetParam();
    const std::string body = method == "GET" || method == "HEAD" ? "" : std::string(2'000'000, 'x');
    const std::string answer =
        method == "HEAD" ? "HTTP/1.1 200 x\r\nContent-Length: 9000000000\r\n\r\n" : reply(200, "{}");
    RawServer server([&](Peer& peer) { answer_each(peer, answer); });
    HttpRig rig;
    const std::string path = "/bucket/a/../b//./c%20d+e?list&x=%2F";
    const HttpEnd end = rig.call(request(server.url(path), method, body));
    expect_reply(end, 200, method == "HEAD" ? "" : "{}");
    ASSERT_EQ(server.requests().size(), 1U);
    const std::string sent = server.requests().front();
    EXPECT_TRUE(sent.starts_with(method + " " + path + " HTTP/1.1\r\n")) << sent.substr(0, 300);
    EXPECT_TRUE(sent.ends_with("\r\n\r\n" + body));
    EXPECT_EQ(sent.find("\r\nContent-Length: 2000000\r\n") != std::string::npos, !body.empty());
    for (const char* unwanted : {"Content-Type", "Expect", "Transfer-Encoding", "User-Agent", "Range"})
        EXPECT_EQ(sent.substr(0, 1000).find(unwanted), std::string::npos) << unwanted;
}

TEST_P(HttpMethods, FollowsNoRedirect) {
    RawServer server(
        [](Peer& peer) { answer_each(peer, "HTTP/1.1 307 x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"); });
    HttpRig rig;
    expect_reply(rig.call(request(server.url(), GetParam())), 307, "");
    EXPECT_EQ(server.requests().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(All, HttpMethods, testing::Values("POST", "PUT", "PATCH", "GET", "HEAD", "DELETE"));

TEST(HttpMethod, WhatMeansABodyHasALengthWithoutOne) {
    for (const char* method : {"PUT", "POST", "PATCH", "DELETE"}) {
        RawServer server([](Peer& peer) { answer_each(peer, reply(200, "")); });
        HttpRig rig;
        expect_reply(rig.call(request(server.url(), method)), 200, "");
        const std::string sent = server.requests().front();
        EXPECT_TRUE(sent.starts_with(method)) << sent;
        const bool has_length = sent.find("\r\nContent-Length: 0\r\n") != std::string::npos;
        EXPECT_EQ(has_length, std::string(method) != "DELETE") << sent;
    }
}

// The connection is kept, and dead when the second request comes.
RawServer::Script answering_once() {
    return [](Peer& peer) {
        peer.read_request();
        peer.send(reply(200, "{}"));
        peer.read_request();
    };
}

TEST(HttpMethod, OnADeadConnectionWhatOnlyReadsIsAskedAgain) {
    for (const char* method : {"GET", "HEAD"}) {
        RawServer server(answering_once());
        HttpRig rig;
        ASSERT_TRUE(rig.call(request(server.url(), "GET")).reply.ok());
        EXPECT_TRUE(rig.call(request(server.url(), method)).reply.ok()) << method;
        EXPECT_EQ(server.requests().size(), 3U);
    }
}

TEST(HttpMethod, OnADeadConnectionWhatChangesSomethingIsNot) {
    for (const char* method : {"DELETE", "PUT", "POST", "PATCH"}) {
        RawServer server(answering_once());
        HttpRig rig;
        ASSERT_TRUE(rig.call(request(server.url(), "GET")).reply.ok());
        expect_failure(rig.call(request(server.url(), method, std::string(method) == "DELETE" ? "" : "bytes")),
                       ErrorClass::outcome_unknown, true, "connection");
        EXPECT_EQ(server.requests().size(), 2U) << method;
    }
}

}  // namespace
}  // namespace atelier::test
