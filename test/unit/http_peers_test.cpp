// Calls to addresses that came from outside: whom they may be connected to.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "executor/peer_check.hpp"
#include "http_rig.hpp"
#include "played_system.hpp"
#include "raw_server.hpp"
#include "tls_authority.hpp"

namespace atelier::test {
namespace {

using executor::Peers;

HttpLimits limited_to(Peers peers) {
    HttpLimits limits;
    limits.peers = peers;
    return limits;
}

void answer_each(Peer& peer) {
    while (!peer.read_request().empty())
        peer.send(reply(200, "{}"));
}

// Nobody was connected to.
void expect_not_called(const RawServer& server, const HttpEnd& end) {
    expect_failure(end, ErrorClass::invalid_request, false, "has an address that is not public");
    EXPECT_EQ(server.connections(), 0);
}

TEST(HttpPeers, APrivateAddressIsNotConnectedTo) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("IP:127.0.0.1,DNS:good.test");
    RawServer server(answer_each, context.get());
    HttpRig rig(std::size_t{1} << 20, authority.file());
    expect_not_called(server, rig.call(server.url(), limited_to(Peers::public_only)));
    // What a name means is known only when it is connected to.
    expect_not_called(server,
                      rig.call(server.url_of_host("https", "good.test") + "/v1", limited_to(Peers::public_only)));
    expect_reply(rig.call(server.url()), 200, "{}");
}

TEST(HttpPeers, NotThroughAKeptConnectionEither) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("IP:127.0.0.1");
    RawServer server(answer_each, context.get());
    HttpRig rig(std::size_t{1} << 20, authority.file());
    expect_reply(rig.call(server.url()), 200, "{}");
    const HttpEnd end = rig.call(server.url(), limited_to(Peers::public_only));
    expect_failure(end, ErrorClass::invalid_request, false, "has an address that is not public");
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(HttpPeers, AnUnreachablePublicAddressIsTriedAgainLater) {
    HttpRig rig;
    const HttpEnd end = rig.call("https://far.test:9/", limited_to(Peers::public_only));
    expect_failure(end, ErrorClass::network, false, "no connection to far.test:9");
}

// Whichever comes first, and though the public one could be connected to.
TEST(HttpPeers, APrivateAddressBesideAPublicOneRefusesTheName) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("DNS:mixed.test,DNS:dexim.test");
    RawServer server(answer_each, context.get());
    HttpRig rig(std::size_t{1} << 20, authority.file());
    const NearNetwork near;
    for (const char* name : {"mixed.test", "dexim.test"})
        expect_not_called(server, rig.call(server.url_of_host("https", name), limited_to(Peers::public_only)));
}

TEST(HttpPeers, APublicAddressIsConnectedTo) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("DNS:far.test");
    RawServer server(answer_each, context.get());
    HttpRig rig(std::size_t{1} << 20, authority.file());
    const NearNetwork near;
    const std::string url = server.url_of_host("https", "far.test");
    expect_reply(rig.call(url, limited_to(Peers::public_only)), 200, "{}");
    expect_reply(rig.call(url, limited_to(Peers::public_only)), 200, "{}");
    EXPECT_EQ(server.connections(), 2) << "each call has a connection of its own, and a look has none";
}

// Public when it is looked at, private when it is connected to.
TEST(HttpPeers, ANameThatChangesInBetweenIsRefused) {
    const TlsAuthority authority;
    const TlsContext context = authority.server("DNS:turncoat.test");
    RawServer server(answer_each, context.get());
    HttpRig rig(std::size_t{1} << 20, authority.file());
    const NearNetwork near;
    TurningName::begin();
    expect_not_called(server, rig.call(server.url_of_host("https", "turncoat.test"), limited_to(Peers::public_only)));
    EXPECT_EQ(TurningName::asked(), 2);
}

TEST(HttpPeers, OnlyHttps) {
    RawServer server(answer_each);
    HttpRig rig;
    expect_failure(rig.call(server.url(), limited_to(Peers::public_only)), ErrorClass::invalid_request, false, "URL");
    EXPECT_EQ(server.connections(), 0);
}

TEST(HttpPeers, JudgesTheBytes) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    ASSERT_EQ(::inet_pton(AF_INET, "151.101.1.208", &v4.sin_addr), 1);
    EXPECT_TRUE(is_peer_allowed(Peers::public_only, reinterpret_cast<sockaddr&>(v4)));
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    ASSERT_EQ(::inet_pton(AF_INET6, "2a04:4e42::720", &v6.sin6_addr), 1);
    EXPECT_TRUE(is_peer_allowed(Peers::public_only, reinterpret_cast<sockaddr&>(v6)));
    v6.sin6_scope_id = 2;
    EXPECT_FALSE(is_peer_allowed(Peers::public_only, reinterpret_cast<sockaddr&>(v6)));
    sockaddr local{};
    local.sa_family = AF_UNIX;
    EXPECT_FALSE(is_peer_allowed(Peers::as_configured, local));
}

}  // namespace
}  // namespace atelier::test
