#include "core/address_policy.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace atelier::core {
namespace {

Reach reach_of_text(const std::string& text) {
    std::array<std::uint8_t, 16> bytes{};
    const bool is_v6 = text.find(':') != std::string::npos;
    EXPECT_EQ(::inet_pton(is_v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()), 1) << text;
    return reach_of({bytes.data(), is_v6 ? std::size_t{16} : std::size_t{4}});
}

TEST(AddressPolicy, PublicAddressesAreForEverybody) {
    for (const char* text :
         {"1.1.1.1",           "9.255.255.255",  "11.0.0.0",       "100.63.255.255", "100.128.0.0",
          "126.255.255.255",   "128.0.0.0",      "151.101.1.208",  "168.63.129.15",  "168.63.129.17",
          "169.253.255.255",   "169.255.0.0",    "172.15.255.255", "172.32.0.0",     "192.0.1.0",
          "192.167.255.255",   "192.169.0.0",    "198.17.255.255", "198.20.0.0",     "223.255.255.255",
          "2606:4700::6810:1", "2a04:4e42::720", "2001:4860::1",   "::ffff:1.1.1.1", "64:ff9b::101:101"}) {
        EXPECT_EQ(reach_of_text(text), Reach::everybody) << text;
    }
}

TEST(AddressPolicy, ThisMachine) {
    for (const char* text : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"})
        EXPECT_EQ(reach_of_text(text), Reach::this_machine) << text;
}

// Each range by its first and last address.
TEST(AddressPolicy, EverythingElseIsClosed) {
    for (const char* text : {"0.0.0.0",
                             "0.255.255.255",
                             "10.0.0.0",
                             "10.255.255.255",
                             "100.64.0.0",
                             "100.100.100.200",
                             "100.127.255.255",
                             "169.254.0.0",
                             "169.254.169.254",
                             "169.254.255.255",
                             "172.16.0.0",
                             "172.31.255.255",
                             "192.0.0.0",
                             "192.0.0.192",
                             "192.0.0.255",
                             "192.0.2.1",
                             "192.88.99.1",
                             "192.168.0.0",
                             "192.168.255.255",
                             "198.18.0.0",
                             "198.19.255.255",
                             "198.51.100.1",
                             "203.0.113.1",
                             "224.0.0.0",
                             "239.255.255.255",
                             "240.0.0.0",
                             "255.255.255.255",
                             "168.63.129.16",
                             "::",
                             "::2",
                             "::10.0.0.1",
                             "::ffff:10.0.0.1",
                             "::ffff:0.0.0.0",
                             "64:ff9b::a00:1",
                             "64:ff9b::7f00:1",
                             "64:ff9b::a9fe:a9fe",
                             "64:ff9b::1:101:101",
                             "64:ff9b:1::1",
                             "100::1",
                             "fc00::1",
                             "fd00:ec2::254",
                             "fe80::1",
                             "fec0::1",
                             "ff02::1",
                             "4000::1",
                             "2001::1",
                             "2001:0:53aa::1",
                             "2001:2::1",
                             "2001:10::1",
                             "2001:2f:ffff::1",
                             "2001:db8::1",
                             "2002:a00:1::1",
                             "3fff::1",
                             "2a04::5efe:a00:1",
                             "2a04::5efe:7f00:1",
                             "2a04::200:5efe:192.168.0.1"}) {
        EXPECT_EQ(reach_of_text(text), Reach::elsewhere) << text;
    }
    EXPECT_EQ(reach_of_text("2a04::5efe:101:101"), Reach::everybody);
}

TEST(AddressPolicy, WhatIsNoAddress) {
    const std::array<std::uint8_t, 8> bytes{8, 8, 8, 8, 8, 8, 8, 8};
    EXPECT_EQ(reach_of({}), Reach::elsewhere);
    EXPECT_EQ(reach_of(bytes), Reach::elsewhere);
}

}  // namespace
}  // namespace atelier::core
