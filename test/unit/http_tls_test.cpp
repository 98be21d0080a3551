// A provider that cannot prove who it is gets no request: the failure is free, and nothing goes out in the clear.

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "http_rig.hpp"
#include "played_system.hpp"
#include "raw_server.hpp"
#include "tls_authority.hpp"

namespace atelier::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t plenty = 100'000'000;

void answer_each(Peer& peer) {
    while (!peer.read_request().empty())
        peer.send(reply(200, "{}"));
}

// The server got a connection, and not a byte of a request.
void expect_refused(const RawServer& server, const HttpEnd& end, const std::string& words) {
    expect_failure(end, ErrorClass::network, false, words);
    EXPECT_GE(server.connections(), 1);
    EXPECT_TRUE(server.requests().empty());
}

TEST(HttpTls, ATrustedServerIsCalledAndItsConnectionKept) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("DNS:good.test,IP:127.0.0.1");
    RawServer server(answer_each, context.get());
    HttpRig rig(plenty, authority.file());
    for (int i = 0; i < 3; ++i) {
        expect_reply(rig.call(server.url()), 200, "{}");
        expect_reply(rig.call(server.url_of_host("https", "good.test")), 200, "{}");
    }
    EXPECT_EQ(server.connections(), 2);
}

TEST(HttpTls, AWrongHostIsRefused) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("DNS:good.test");
    RawServer server(answer_each, context.get());
    HttpRig rig(plenty, authority.file());
    expect_refused(server, rig.call(server.url_of_host("https", "other.test") + "/images"), "other.test");
}

TEST(HttpTls, AnExpiredCertificateIsRefused) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("IP:127.0.0.1", -60);
    RawServer server(answer_each, context.get());
    HttpRig rig(plenty, authority.file());
    expect_refused(server, rig.call(server.url()), "expired");
}

TEST(HttpTls, AnUnknownAuthorityIsRefused) {
    const TlsAuthority authority;
    const TlsAuthority other;
    const TlsContext context = other.server("IP:127.0.0.1");
    RawServer server(answer_each, context.get());
    HttpRig rig(plenty, authority.file());
    expect_refused(server, rig.call(server.url()), "certificate");
    HttpRig by_the_system(plenty);
    expect_refused(server, by_the_system.call(server.url()), "certificate");
}

TEST(HttpTls, OldVersionsAreRefused) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("IP:127.0.0.1");
    ::SSL_CTX_set_security_level(context.get(), 0);
    ::SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    ::SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
    RawServer server(answer_each, context.get());
    HttpRig rig(plenty, authority.file());
    expect_refused(server, rig.call(server.url()), "TLS");
}

TEST(HttpTls, AServerWithoutTlsIsRefused) {
    RawServer server([](Peer& peer) {
        peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        peer.wait_for_close();
    });
    HttpRig rig;
    expect_refused(server, rig.call(server.url_of_host("https", "127.0.0.1") + "/images"), "TLS");
}

TEST(HttpTls, AHandshakeThatHangsRunsIntoTheClockOfConnecting) {
    RawServer server([](Peer& peer) { peer.wait_for_close(); });
    HttpRig rig;
    const HttpEnd end = rig.call(server.url_of_host("https", "127.0.0.1"), {60ms, 10s, 10s});
    expect_failure(end, ErrorClass::timeout, false, "within 60 ms");
}

TEST(HttpTls, ABodyThatLeftIsNeverSentAgain) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("IP:127.0.0.1");
    RawServer server(
        [](Peer& peer) {
            peer.read_request();
            peer.send(reply(200, "{}"));
            peer.read_request();
        },
        context.get());
    HttpRig rig(plenty, authority.file());
    expect_reply(rig.call(server.url()), 200, "{}");
    expect_failure(rig.call(server.url()), ErrorClass::outcome_unknown, true, "127.0.0.1");
    EXPECT_EQ(server.requests().size(), 2U);
}

TEST(HttpTls, RepliesThatAreHeldBackComeWhole) {
    constexpr std::size_t size = 5'000'000;
    const TlsAuthority authority;
    const TlsContext context = authority.server("IP:127.0.0.1");
    const std::string answer = reply(200, std::string(size, 'x'));
    RawServer server(
        [&](Peer& peer) {
            peer.read_request();
            peer.send(answer);
            peer.wait_for_close();
        },
        context.get());
    HttpRig rig(100'000, authority.file());
    for (int i = 0; i < 8; ++i)
        rig.start(HttpRig::request(server.url()));
    rig.run_until(8);
    for (const auto& [id, end] : rig.ends) {
        ASSERT_TRUE(end.reply.ok()) << end.reply.error().message;
        EXPECT_EQ(end.reply.value().body.size(), size);
    }
}

}  // namespace
}  // namespace atelier::test
