// Which URLs of users are called: every form that was ever used to reach what must not be reached.

#include "core/http_access.hpp"

#include <gtest/gtest.h>

#include "core/address_policy.hpp"

namespace atelier::core {
namespace {

HttpHosts hosts_of(const std::string& open, const std::string& own = "") {
    auto open_list = HostList::parse(open, HostKind::open);
    auto own_list = HostList::parse(own, HostKind::own);
    EXPECT_TRUE(open_list.ok() && own_list.ok());
    return {*open_list, *own_list};
}

// As much as a DBA can open.
const HttpHosts& wide_open() {
    static const HttpHosts hosts =
        hosts_of("*, good.test, evil.test, xn--80ak6aa92e.com, *.amazonaws.com, *:8443", "api.internal:8080");
    return hosts;
}

std::string refusal(std::string_view url, const HttpHosts& hosts = wide_open()) {
    const auto judged = judge_url(url, hosts);
    return judged ? "" : judged.error().message;
}

struct Row {
    int number;  // in the list of bad inputs
    std::string url;
};

class RefusedUrl : public testing::TestWithParam<Row> {};

TEST_P(RefusedUrl, WhateverIsOpen) {
    const auto judged = judge_url(GetParam().url, wide_open());
    ASSERT_FALSE(judged.ok()) << GetParam().number << ' ' << GetParam().url;
    EXPECT_EQ(judged.error().cls, ErrorClass::invalid_request);
    EXPECT_EQ(judged.error().message.find("secret"), std::string::npos) << judged.error().message;
}

const std::string long_label(64, 'a');
const std::string long_host = [] {
    std::string host;
    while (host.size() < 255)
        host += "abcdefg.";
    return host + "test";
}();

INSTANTIATE_TEST_SUITE_P(
    All, RefusedUrl,
    testing::Values(
        Row{41, "file:///etc/passwd"}, Row{41, "file://good.test/etc/passwd"}, Row{42, "gopher://good.test:70/_x"},
        Row{42, "dict://good.test:2628/d:x"}, Row{42, "ftp://good.test/x"}, Row{42, "ldap://good.test/"},
        Row{42, "ws://good.test/"}, Row{43, "http://good.test/?secret"}, Row{43, "http://good.test:443/"},
        Row{43, "HTTPS://good.test/"}, Row{44, "http://169.254.169.254/latest/meta-data/"},
        Row{44, "https://169.254.169.254/"}, Row{44, "https://[fd00:ec2::254]/"}, Row{45, "https://2130706433/"},
        Row{45, "https://0x7f.1/"}, Row{45, "https://127.1/"}, Row{45, "https://0177.0.0.1/"},
        Row{45, "https://0x7f000001/"}, Row{45, "https://017700000001/"}, Row{45, "https://127.0.0.1/"},
        Row{45, "https://1.1.1.1/"}, Row{45, "https://0/"}, Row{45, "https://1.2.3.4.5/"}, Row{46, "https://[::1]/"},
        Row{46, "https://[::ffff:127.0.0.1]/"}, Row{46, "https://[fe80::1%25eth0]/"},
        Row{46, "https://[64:ff9b::7f00:1]/"}, Row{46, "https://[::]/"}, Row{46, "https://[::1"},
        Row{47, "https://good.test@evil.test/"}, Row{47, "https://good.test#@evil.test/"},
        Row{47, "https://good.test\\@evil.test/"}, Row{47, "https://good.test:x@evil.test/"},
        Row{47, "https://@good.test/"}, Row{47, "https://good.test/x\\..\\secret"}, Row{48, "https://good.test:0/"},
        Row{48, "https://good.test:22/"}, Row{48, "https://good.test:5432/"}, Row{48, "https://good.test:65536/"},
        Row{48, "https://good.test:80/"}, Row{48, "https://good.test:0443/"}, Row{48, "https://good.test:+443/"},
        Row{49, "https://good.test./"}, Row{49, "https://localhost./"}, Row{49, "https://\xd0\xb0pple.com/"},
        Row{49, "https://xn--pple-43d.com/"}, Row{49, "https://xn--99999999999999.com/"}, Row{49, "https://xn--.com/"},
        Row{49, "https://\xef\xbc\x91\xef\xbc\x90.test/"}, Row{49, "https://good%2etest/"},
        Row{50, "https://" + long_host + "/"}, Row{50, "https://" + long_label + ".test/"},
        Row{50, "https://good.test/" + std::string(65'536, 'a')}, Row{51, "https://good.test/a\r\nHost: x"},
        Row{51, "https://good.test/a\nb"}, Row{51, "https://good.test/a\tb"},
        Row{51, std::string("https://good.test/a\0b", 21)}, Row{51, "https://good.test/a b"},
        Row{51, "https://good.test/a%0d%0ab"}, Row{51, "https://good.test/a%00b"}, Row{51, "https://good.test/%7F"},
        Row{51, "https://good.test/%"}, Row{51, "https://good.test/%zz"}, Row{51, "https://good.test/?x=%1"},
        Row{54, "https://evil-amazonaws.com:8444/"}, Row{56, "data:text/plain,x"}, Row{56, ""}, Row{56, " "},
        Row{56, "//good.test/"}, Row{56, "good.test"}, Row{56, "https:good.test"}, Row{56, "https:///good.test"},
        Row{56, "https://?x"}, Row{56, "javascript:alert(1)"}, Row{57, "https://localhost/"}, Row{57, "https://db/"},
        Row{57, "https://db.internal/"}, Row{57, "https://x.onion/"}, Row{57, "https://router.home.arpa/"},
        Row{57, "https://printer.local/"}, Row{57, "http://api.internal/"}, Row{57, "https://api.internal/"}),
    [](const testing::TestParamInfo<Row>& row) {
        return "n" + std::to_string(row.param.number) + "_" + std::to_string(row.index);
    });

TEST(AllowedUrl, WhatIsNamed) {
    for (const std::string url :
         {"https://good.test", "https://GOOD.test/a/b?c=%0d%0a&d=%20", "https://good.test:443/../x",
          "https://s3.amazonaws.com/", "https://xn--80ak6aa92e.com/", "https://anybody.example:8443/x",
          "https://good.test/%2f%41?"}) {
        const auto judged = judge_url(url, wide_open());
        ASSERT_TRUE(judged.ok()) << url << judged.error().message;
        EXPECT_FALSE(judged->is_own) << url;
    }
    for (const std::string url : {"http://api.internal:8080/x", "https://api.internal:8080/x"}) {
        const auto judged = judge_url(url, wide_open());
        ASSERT_TRUE(judged.ok()) << url << judged.error().message;
        EXPECT_TRUE(judged->is_own) << url;
    }
}

TEST(AllowedUrl, NothingByDefault) {
    EXPECT_EQ(refusal("https://good.test/", {}), "good.test is not among pg_atelier.http_hosts");
    EXPECT_EQ(refusal("https://good.test:8443/a?secret", {}), "good.test:8443 is not among pg_atelier.http_hosts");
}

// What is one's own stays so, whatever else is named.
TEST(AllowedUrl, TheListOfOnesOwnStandsByItself) {
    const HttpHosts hosts = hosts_of("", "api.example.com:8080");
    EXPECT_TRUE(judge_url("http://api.example.com:8080/", hosts)->is_own);
    EXPECT_EQ(refusal("https://api.example.com/", hosts), "api.example.com is not among pg_atelier.http_hosts");
    EXPECT_EQ(refusal("http://api.example.com/", hosts),
              "api.example.com is called over https only, unless pg_atelier.http_private_hosts names it");
}

TEST(AllowedUrl, WildcardTricks) {
    const HttpHosts hosts = hosts_of("*.amazonaws.com");
    for (const std::string url : {"https://evil-amazonaws.com/", "https://amazonaws.com/",
                                  "https://amazonaws.com.evil.test/", "https://x.amazonaws.com.evil.test/",
                                  "https://evil.test/x.amazonaws.com", "https://evil.test?x.amazonaws.com"})
        EXPECT_NE(refusal(url, hosts), "") << url;
    EXPECT_EQ(refusal("https://s3.eu-west-1.amazonaws.com/", hosts), "");
}

TEST(AllowedUrl, RefusalsNameTheHostAndNoMore) {
    for (const std::string url : {"https://other.test:1/secret?secret", "http://good.test/secret", "https://db/secret",
                                  "https://good.test/secret%00"}) {
        const std::string said = refusal(url);
        EXPECT_NE(said, "") << url;
        EXPECT_EQ(said.find("secret"), std::string::npos) << said;
    }
}

}  // namespace
}  // namespace atelier::core
