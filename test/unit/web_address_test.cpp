#include "core/web_address.hpp"

#include <gtest/gtest.h>

namespace atelier::core {
namespace {

TEST(WebAddress, IsTakenApart) {
    const auto plain = parse_web_address("https://Images.Unsplash.com/photo-1?ixid=M3wx&w=2048");
    ASSERT_TRUE(plain);
    EXPECT_TRUE(plain->is_secure);
    EXPECT_EQ(plain->host, "images.unsplash.com");
    EXPECT_EQ(plain->port, 443);
    const auto v6 = parse_web_address("http://[2001:DB8::1]:8080?x");
    ASSERT_TRUE(v6);
    EXPECT_FALSE(v6->is_secure);
    EXPECT_EQ(v6->host, "[2001:db8::1]");
    EXPECT_EQ(v6->port, 8080);
    EXPECT_EQ(parse_web_address("http://a.test")->port, 80);
    EXPECT_TRUE(parse_web_address("https://unsplash.com/@anna"));
    EXPECT_EQ(plain->target, "/photo-1?ixid=M3wx&w=2048");
    EXPECT_EQ(v6->target, "?x");
    EXPECT_EQ(parse_web_address("https://a.test")->target, "");
}

TEST(WebAddress, HostsHaveOneForm) {
    EXPECT_EQ(host_form("a.b-c.test"), HostForm::name);
    EXPECT_EQ(host_form("backend"), HostForm::name);
    EXPECT_EQ(host_form("1.a"), HostForm::name);
    EXPECT_EQ(host_form("127.0.0.1"), HostForm::v4);
    EXPECT_EQ(host_form("[::ffff:127.0.0.1]"), HostForm::v6);
    for (const std::string host :
         {"",           ".",      "a.",         "a..b",       ".a",         "a.-b",     "a-.b",      "A.test", "127.1",
          "0177.0.0.1", "0x7f.1", "0x7f000001", "2130706433", "1.2.3.256",  "01.2.3.4", "1.2.3.4.5", "a.1",    "a.0x1",
          "[]",         "[",      "]",          "[1.2.3.4]",  "[::1%eth0]", "[::1",     "[a::b::c]"})
        EXPECT_EQ(host_form(host), std::nullopt) << host;
    EXPECT_EQ(host_form(std::string(63, 'a') + ".test"), HostForm::name);
    EXPECT_EQ(host_form(std::string(64, 'a') + ".test"), std::nullopt);
    EXPECT_EQ(host_form(std::string("[::1\0x]", 8)), std::nullopt);
}

TEST(WebAddress, NothingThatParsersReadDifferently) {
    for (const std::string url : {"",
                                  "https://",
                                  "https:///x",
                                  "ftp://a.test/",
                                  "file:///etc/passwd",
                                  "HTTPS://a.test/",
                                  "//a.test/",
                                  "https://user@a.test/",
                                  "https://user:pass@a.test/",
                                  "https://a.test@b.test/",
                                  "https://a.test\\@b.test/",
                                  "https://a.test#@b.test/",
                                  "https://a.test/#x",
                                  "https://a test/",
                                  "https://a.test/\t",
                                  "https://a.test/\r\n",
                                  "https://a.test/\xc3\xa9",
                                  "https://\xef\xbc\x91.test/",
                                  "https://.test/",
                                  "https://-a.test/",
                                  "https://a..test/",
                                  "https://a_b.test/",
                                  "https://a.test:/",
                                  "https://a.test:0/",
                                  "https://a.test:65536/",
                                  "https://a.test:0443/",
                                  "https://a.test./",
                                  "https://2130706433/",
                                  "https://a.test:8x/",
                                  "https://[::1/",
                                  "https://[]/",
                                  "https://[a.test]/",
                                  "https://[::1%25eth0]/",
                                  "https://a.test:80:80/",
                                  "https://[::1]x/"}) {
        EXPECT_FALSE(parse_web_address(url)) << url;
    }
    EXPECT_FALSE(parse_web_address("https://a.test/" + std::string(2048, 'a')));
    EXPECT_FALSE(parse_web_address("https://" + std::string(254, 'a') + "/"));
}

TEST(WebAddress, Origins) {
    const auto origin = *parse_web_address("https://a.test/x");
    EXPECT_TRUE(is_same_origin(origin, *parse_web_address("https://A.test:443/y?z")));
    for (const char* other : {"http://a.test/x", "https://a.test:444/x", "https://b.test/x", "https://a.test.b.test/x"})
        EXPECT_FALSE(is_same_origin(origin, *parse_web_address(other))) << other;
}

}  // namespace
}  // namespace atelier::core
