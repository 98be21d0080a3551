#include "core/trace_context.hpp"

#include <gtest/gtest.h>

#include <string>

namespace atelier::core {
namespace {

const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceContext, Traceparent) {
    EXPECT_TRUE(is_traceparent(good));
    EXPECT_TRUE(is_traceparent("cc" + good.substr(2)));
    EXPECT_FALSE(is_traceparent(""));
    EXPECT_FALSE(is_traceparent(good.substr(1)));
    EXPECT_FALSE(is_traceparent(good + "\r\nX-Evil: 1"));
    EXPECT_FALSE(is_traceparent(good + "-01"));
    EXPECT_FALSE(is_traceparent("ff" + good.substr(2)));
    EXPECT_FALSE(is_traceparent("00-" + std::string(32, '0') + good.substr(35)));
    EXPECT_FALSE(is_traceparent(good.substr(0, 36) + std::string(16, '0') + good.substr(52)));
    // Each of its places in turn, with what may stand in none of them.
    for (const char bad : {'\n', '\r', '\0', ' ', 'g', 'A', ':', '\x80'}) {
        for (std::size_t place = 0; place < good.size(); ++place) {
            std::string text = good;
            text[place] = bad;
            EXPECT_FALSE(is_traceparent(text)) << place;
        }
    }
}

}  // namespace
}  // namespace atelier::core
