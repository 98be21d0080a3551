// What servers answer that is no proper reply: it is bounded, ends the call once, and is never taken for a success.

#include <gtest/gtest.h>

#include <string>

#include "http_rig.hpp"
#include "raw_server.hpp"

namespace atelier::test {
namespace {

using namespace std::chrono_literals;

TEST(HttpAnswers, ContentLengthThatIsNone) {
    for (const char* fields : {"Content-Length: -5\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
                               "Content-Length: five\r\n", "Content-Length: 99999999999999999999999\r\n"}) {
        RawServer server(answering("HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\nhello!"));
        HttpRig rig;
        const HttpEnd end = rig.call(server.url());
        expect_failure(end, ErrorClass::outcome_unknown, true, "the answer of");
    }
}

TEST(HttpAnswers, ContentLengthTooSmallCutsAndEndsTheConnection) {
    RawServer server([](Peer& peer) {
        while (!peer.read_request().empty())
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    });
    HttpRig rig;
    for (int i = 0; i < 3; ++i) {
        const HttpEnd end = rig.call(server.url());
        if (end.reply.ok()) {
            expect_reply(end, 200, "{}");
        } else {
            expect_failure(end, ErrorClass::network, false, "answered before");
        }
    }
}

TEST(HttpAnswers, BodiesAreBounded) {
    HttpLimits limits;
    limits.max_body_bytes = 100'000;
    RawServer endless(after_request([](Peer& peer) {
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while (peer.send("400\r\n" + std::string(1024, 'x') + "\r\n")) {
        }
    }));
    RawServer announced(after_request([](Peer& peer) {
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\nx");
        peer.wait_for_close();
    }));
    RawServer refused(after_request([](Peer& peer) {
        peer.send("HTTP/1.1 500 Oops\r\n\r\n");
        while (peer.send(std::string(1024, 'x'))) {
        }
    }));
    HttpRig rig;
    expect_failure(rig.call(endless.url(), limits), ErrorClass::invalid_output, true, "longer than 100000 bytes");
    expect_failure(rig.call(announced.url(), limits), ErrorClass::invalid_output, true, "longer than 100000 bytes");
    const HttpEnd end = rig.call(refused.url(), limits);
    ASSERT_TRUE(end.reply.ok()) << end.reply.error().message;
    EXPECT_EQ(end.status, 500);
    EXPECT_LE(end.reply.value().body.size(), 100'000U);
    EXPECT_GT(end.reply.value().body.size(), 0U);
}

TEST(HttpAnswers, HeadsAreBounded) {
    const std::string status = "HTTP/1.1 200 OK\r\n";
    std::string many_fields;
    for (int i = 0; i < 10'000; ++i)
        many_fields += "a: b\r\n";
    std::string many_bytes;
    for (int i = 0; i < 100; ++i)
        many_bytes += "a: " + std::string(1000, 'b') + "\r\n";
    const std::string one_field = "a: " + std::string(1'000'000, 'b') + "\r\n";
    for (const std::string& fields : {many_fields, many_bytes, one_field}) {
        RawServer server(answering(status + fields + "\r\n"));
        HttpRig rig;
        expect_failure(rig.call(server.url()), ErrorClass::outcome_unknown, true, "header");
    }
}

TEST(HttpAnswers, InterimRepliesAreBounded) {
    RawServer flood(after_request([](Peer& peer) {
        while (peer.send("HTTP/1.1 102 Wait\r\n\r\n")) {
        }
    }));
    RawServer polite(after_request([](Peer& peer) {
        peer.send("HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" + reply(200, "{}"));
    }));
    HttpRig rig;
    const HttpEnd end = rig.call(flood.url());
    expect_failure(end, ErrorClass::outcome_unknown, true, "header");
    EXPECT_EQ(end.status, 0);
    const HttpEnd good = rig.call(polite.url());
    expect_reply(good, 200, "{}");
    EXPECT_EQ(good.reply.value().headers.size(), 1U);
}

TEST(HttpAnswers, EveryStatusEnds) {
    for (const std::string status : {"0", "99", "101", "199", "600", "999", "1000", "-1", "abc", ""}) {
        RawServer server(answering("HTTP/1.1 " + status + " x\r\nContent-Length: 2\r\n\r\n{}"));
        HttpRig rig;
        const HttpEnd end = rig.call(server.url(), {1s, 1s, 1s});
        EXPECT_TRUE(end.body_left) << status;
        if (!end.reply.ok()) {
            EXPECT_EQ(end.reply.error().cls, ErrorClass::outcome_unknown)
                << status << ": " << end.reply.error().message;
        } else {
            EXPECT_TRUE(end.status < 200 || end.status >= 300) << status;
        }
    }
    for (const int status : {204, 304}) {
        RawServer server(answering("HTTP/1.1 " + std::to_string(status) + " x\r\n\r\n"));
        HttpRig rig;
        expect_reply(rig.call(server.url()), status, "");
    }
}

TEST(HttpAnswers, WhatIsNotHttpIsUnknown) {
    for (const std::string bytes :
         {"SSH-2.0-OpenSSH_9.2\r\n", "{\"no\":\"head\"}", "HTTP/3.7 200 OK\r\n\r\n", "\0\0\0"}) {
        RawServer server(answering(bytes));
        HttpRig rig;
        const HttpEnd end = rig.call(server.url());
        ASSERT_FALSE(end.reply.ok()) << bytes;
        EXPECT_EQ(end.reply.error().cls, ErrorClass::outcome_unknown) << bytes;
    }
}

TEST(HttpAnswers, ChunksAreCheckedAndTrailersAreLeftOut) {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const std::string chunks : {"zz\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n", "ffffffffffffffffff\r\nhello"}) {
        RawServer server(answering(head + chunks));
        HttpRig rig;
        expect_failure(rig.call(server.url()), ErrorClass::outcome_unknown, true, "complete");
    }
    RawServer server(answering(head + "5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n"));
    HttpRig rig;
    const HttpEnd end = rig.call(server.url());
    expect_reply(end, 200, "hello");
    EXPECT_EQ(end.reply.value().headers.size(), 1U);
}

TEST(HttpAnswers, AnEarlyRefusalIsDelivered) {
    // Answers on the head alone, as a gateway does that knows no such key.
    RawServer server([](Peer& peer) {
        peer.read_until("\r\n\r\n");
        peer.send(reply(401, "{}", "Connection: close\r\n"));
        peer.wait_for_close();
    });
    HttpRig rig;
    expect_reply(rig.call(HttpRig::request(server.url(), std::string(20'000'000, 'x'))), 401, "{}");
}

}  // namespace
}  // namespace atelier::test
