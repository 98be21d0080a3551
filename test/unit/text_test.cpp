#include "core/text.hpp"

#include <gtest/gtest.h>

namespace atelier::core {
namespace {

using namespace std::string_view_literals;

TEST(Text, ValidUtf8) {
    for (const auto text :
         {""sv, "plain"sv, "\xC3\xA9"sv, "\xE2\x82\xAC"sv, "\xF0\x9F\x8E\xA8"sv, "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv,
          "\xF4\x8F\xBF\xBF"sv, "\xC2\x80"sv, "\xE0\xA0\x80"sv, "\xF0\x90\x80\x80"sv}) {
        EXPECT_TRUE(is_valid_utf8(text)) << text;
    }
}

TEST(Text, InvalidUtf8) {
    for (const auto text :
         {"\x80"sv, "\xC3"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xED\xA0\x80"sv, "\xF0\x8F\xBF\xBF"sv,
          "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xFF"sv, "\xE2\x82"sv, "\xE2\x28\xA1"sv, "ok\xE2\x82"sv}) {
        EXPECT_FALSE(is_valid_utf8(text));
    }
}

TEST(Text, StorableTextHasNoNul) {
    EXPECT_TRUE(is_storable_text("a\xC3\xA9"));
    EXPECT_FALSE(is_storable_text("a\0b"sv));
    EXPECT_TRUE(is_valid_utf8("a\0b"sv));
}

TEST(Text, ForeignTextIsMendedAndCutBetweenCharacters) {
    EXPECT_EQ(to_storable_text("a\xFF"
                               "b",
                               100),
              "a\xEF\xBF\xBD"
              "b");
    EXPECT_EQ(to_storable_text("a\0b\nc"sv, 100), "a b c");
    EXPECT_EQ(to_storable_text("\xE2\x82\xAC\xE2\x82\xAC", 5), "\xE2\x82\xAC");
    EXPECT_EQ(to_storable_text("\xE2\x82", 100), "\xEF\xBF\xBD\xEF\xBF\xBD");
    EXPECT_EQ(to_storable_text(std::string(1000, 'x'), 10).size(), 10U);
}

}  // namespace
}  // namespace atelier::core
