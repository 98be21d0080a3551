#include "core/json.hpp"

#include <gtest/gtest.h>

namespace atelier::core {
namespace {

using namespace std::string_view_literals;

constexpr JsonLimits wide{8'000'000, 64};

Result<Json> parse(std::string_view text, const JsonLimits& limits = wide) {
    return parse_json(text, limits, ErrorClass::invalid_output);
}

TEST(Json, ValuesComeThroughUnchanged) {
    const std::string text =
        R"({"array":[1,-2,2.5,true,false,null],"big":9223372036854775807,"text":"\u00e9 \"quoted\" \ud83c\udfa8"})";
    const auto value = parse(text);
    ASSERT_TRUE(value.ok());
    EXPECT_EQ(value->at("big").get<std::int64_t>(), INT64_MAX);
    EXPECT_EQ(*parse(write_json(*value)), *value);
}

TEST(Json, DepthIsLimitedWithoutRecursion) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_TRUE(parse(nested(64)).ok());
    const auto too_deep = parse(nested(65));
    ASSERT_FALSE(too_deep.ok());
    EXPECT_EQ(too_deep.error().cls, ErrorClass::invalid_output);
    EXPECT_NE(too_deep.error().message.find("deeper than 64"), std::string::npos);
    EXPECT_FALSE(parse(nested(2'000'000)).ok());
    EXPECT_FALSE(parse(std::string(2'000'000, '[')).ok());
    std::string objects;
    for (int i = 0; i < 500'000; ++i)
        objects += "{\"a\":";
    EXPECT_FALSE(parse(objects).ok());
}

TEST(Json, WhatJsonbCannotHoldIsRefused) {
    for (const auto text :
         {R"({"a":"\u0000"})"sv, R"({"\u0000":1})"sv, "1e999"sv, "[-1e999]"sv, "\"\xFF\""sv, "{\"\xC0\x80\":1}"sv,
          R"("\ud800")"sv, "NaN"sv, "Infinity"sv, ""sv, "{"sv, "1 2"sv, "{\"a\":1,}"sv, "[1]x"sv}) {
        EXPECT_FALSE(parse(text).ok()) << text;
    }
}

TEST(Json, LengthIsLimited) {
    EXPECT_TRUE(parse("\"" + std::string(98, 'x') + "\"", {100, 64}).ok());
    EXPECT_FALSE(parse("\"" + std::string(99, 'x') + "\"", {100, 64}).ok());
    EXPECT_FALSE(parse_json("\"" + std::string(1'000'000, 'x') + "\"", {}, ErrorClass::timeout).ok());
}

TEST(Json, WritingMendsWhatIsNotUtf8) {
    EXPECT_EQ(write_json(Json{{"a", "x\xFFy"}}), "{\"a\":\"x\xEF\xBF\xBDy\"}");
}

TEST(Json, MembersAreFoundByNameAndType) {
    const Json object{{"name", "x"}, {"count", 3}};
    ASSERT_NE(find_string(object, "name"), nullptr);
    EXPECT_EQ(*find_string(object, "name"), "x");
    EXPECT_EQ(find_string(object, "count"), nullptr);
    EXPECT_EQ(find_string(object, "absent"), nullptr);
    EXPECT_EQ(find_string(Json::array(), "name"), nullptr);
}

}  // namespace
}  // namespace atelier::core
