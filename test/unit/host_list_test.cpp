#include "core/host_list.hpp"

#include <gtest/gtest.h>

namespace atelier::core {
namespace {

HostList list_of(const std::string& text, HostKind kind = HostKind::open) {
    auto list = HostList::parse(text, kind);
    EXPECT_TRUE(list.ok()) << text << ": " << (list.ok() ? "" : list.error().message);
    return list.ok() ? *list : HostList();
}

bool names(const HostList& list, const std::string& url) {
    const auto address = parse_web_address(url);
    EXPECT_TRUE(address) << url;
    return address && list.names(*address);
}

void expect_names(const HostList& list, const std::vector<std::string>& urls) {
    for (const std::string& url : urls)
        EXPECT_TRUE(names(list, url)) << url;
}

void expect_names_not(const HostList& list, const std::vector<std::string>& urls) {
    for (const std::string& url : urls)
        EXPECT_FALSE(names(list, url)) << url;
}

TEST(HostList, EmptyNamesNobody) {
    for (const char* text : {"", "  ", "\t\n"})
        expect_names_not(list_of(text), {"https://a.test/", "https://1.1.1.1/"});
    expect_names_not(HostList(), {"https://a.test/"});
}

TEST(HostList, AName) {
    const HostList list = list_of(" API.example.com ,b.test:8443");
    expect_names(list, {"https://api.example.com/v1", "https://api.example.com:443", "https://b.test:8443/"});
    expect_names_not(list, {"https://example.com/", "https://x.api.example.com/", "https://api.example.com:8443/",
                            "https://b.test/", "https://xapi.example.com/", "https://api.example.com.evil.test/"});
}

// evil-amazonaws.com ends like amazonaws.com, and is not below it.
TEST(HostList, NamesBelowAnotherAreComparedByLabels) {
    const HostList list = list_of("*.amazonaws.com, *.b.test:8443");
    expect_names(list, {"https://s3.amazonaws.com/", "https://a.b.c.amazonaws.com/", "https://x.b.test:8443/"});
    expect_names_not(list,
                     {"https://evil-amazonaws.com/", "https://amazonaws.com/", "https://s3.amazonaws.com.evil.test/",
                      "https://x.b.test/", "https://x.evil-amazonaws.com/"});
}

TEST(HostList, AllMeansNamesOfEverybodysNetwork) {
    expect_names(list_of("*"), {"https://a.test/", "https://a.b.example.com/"});
    expect_names_not(list_of("*"),
                     {"https://a.test:8443/", "https://1.1.1.1/", "https://[2606:4700::1]/", "https://localhost/",
                      "https://db.internal/", "https://printer.local/", "https://x.home.arpa/", "https://backend/"});
    expect_names(list_of("*:8443"), {"https://a.test:8443/"});
    expect_names_not(list_of("*:8443"), {"https://a.test/"});
}

TEST(HostList, AnInternationalizedNameIsMeantWhereItStands) {
    const std::string apple = "https://xn--80ak6aa92e.com/";  // looks like apple.com
    expect_names(list_of("xn--80ak6aa92e.com"), {apple});
    expect_names_not(list_of("*, *.com.test"), {apple});
    expect_names_not(list_of("*.example.com"),
                     {"https://xn--pypal-4ve.example.com/", "https://a.xn--pypal-4ve.example.com/"});
    expect_names(list_of("*.xn--bcher-kva.example"), {"https://shop.xn--bcher-kva.example/"});
}

TEST(HostList, AnAddressIsMeantWhereItStands) {
    expect_names(list_of("1.1.1.1, [2606:4700::1]:8443"), {"https://1.1.1.1/", "https://[2606:4700::1]:8443/"});
    expect_names_not(list_of("1.1.1.1"), {"https://1.1.1.2/"});
    const HostList own = list_of("10.0.0.1, [::1]:8080, 127.0.0.1", HostKind::own);
    expect_names(own, {"http://10.0.0.1/", "https://10.0.0.1/", "http://[::1]:8080/", "https://127.0.0.1/"});
    expect_names_not(own, {"http://10.0.0.1:8080/", "https://[::1]/", "http://[::ffff:127.0.0.1]/"});
}

TEST(HostList, OfOnesOwnNetwork) {
    const HostList list = list_of("backend, db.internal:8080, *.svc.cluster.local, *.internal:81", HostKind::own);
    expect_names(list, {"http://backend/", "https://backend/", "http://db.internal:8080/", "https://db.internal:8080/",
                        "http://a.b.svc.cluster.local/", "http://x.internal:81/"});
    expect_names_not(
        list, {"http://db.internal/", "https://backend:8080/", "http://svc.cluster.local/", "http://internal:81/"});
}

TEST(HostList, WhatIsNoList) {
    for (const std::string text :
         {",",           "a.test,",  "a.test,,b.test", "a test",    "https://a.test",  "a.test/",
          "a.test/x",    "a.test?x", "u@a.test",       "a.test:0",  "a.test:65536",    "a.test:",
          "a.test:0443", "*.*.test", "a.*.test",       "**",        "*a.test",         "*.",
          "*.test.",     "a.test.",  "a_b.test",       "-a.test",   "\xc3\xa9.test",   "*.1.1.1.1",
          "127.1",       "0x7f.1",   "2130706433",     "a\nb.test", "[::1%25eth0]:80", "*/x",
          "*:x",         "*?"}) {
        for (const HostKind kind : {HostKind::open, HostKind::own})
            EXPECT_FALSE(HostList::parse(text, kind).ok()) << text;
    }
    for (const std::string text : {"backend", "db.internal", "localhost", "127.0.0.1", "10.0.0.1:8443", "[::1]",
                                   "*.local", "*.com", "169.254.169.254", "[::ffff:10.0.0.1]"})
        EXPECT_FALSE(HostList::parse(text, HostKind::open).ok()) << text;
    for (const std::string text : {"*", "*:8080", "*.com"})
        EXPECT_FALSE(HostList::parse(text, HostKind::own).ok()) << text;
    EXPECT_FALSE(HostList::parse(std::string(64 * 1024 + 1, ' '), HostKind::open).ok());
    std::string many = "a.test";
    for (int i = 1; i < 1000; ++i)
        many += ",a.test";
    EXPECT_TRUE(HostList::parse(many, HostKind::open).ok());
    EXPECT_FALSE(HostList::parse(many + ",a.test", HostKind::open).ok());
}

TEST(HostList, TheErrorNamesTheEntry) {
    const auto list = HostList::parse("a.test, b test", HostKind::open);
    ASSERT_FALSE(list.ok());
    EXPECT_EQ(list.error().message, "\"b test\" is no host, and none with a port");
}

}  // namespace
}  // namespace atelier::core
