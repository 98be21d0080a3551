#include "provider/answer_body.hpp"

#include <gtest/gtest.h>

namespace atelier::provider {
namespace {

using namespace std::string_literals;
using core::ErrorClass;

constexpr std::size_t long_enough = 16 * 1024;

void expect_error(std::string_view bytes, ErrorClass cls) {
    const auto body = AnswerBody::parse(bytes);
    ASSERT_FALSE(body.ok()) << bytes.substr(0, 80);
    EXPECT_EQ(body.error().cls, cls) << bytes.substr(0, 80);
}

TEST(AnswerBody, LongStringsAreViewsOfTheBytes) {
    const std::string data(long_enough, 'A');
    const std::string bytes = R"({"a":")" + data + R"(","b":["x",")" + data + R"(B"],"c":"short"})";
    const auto body = AnswerBody::parse(bytes);
    ASSERT_TRUE(body.ok()) << body.error().message;
    const std::string_view first = body->text(body->root(), "a");
    EXPECT_EQ(first, data);
    EXPECT_TRUE(first.data() > bytes.data() && first.data() < bytes.data() + bytes.size());
    EXPECT_EQ(body->text(body->root().at("b").at(0)), "x");
    EXPECT_EQ(body->text(body->root().at("b").at(1)), data + "B");
    EXPECT_EQ(body->text(body->root(), "c"), "short");
    EXPECT_EQ(body->text(body->root(), "d"), "");
    EXPECT_EQ(body->text(body->root(), "b"), "");
}

// The same value as the parser would give, wherever quotes and backslashes stand.
TEST(AnswerBody, StringsEndWhereJsonEndsThem) {
    const std::string data(long_enough, 'A');
    for (const std::string& text : {data, "\\\"" + data, data + "\\\\", data + "\\\"", "\\\\\\\"" + data + "\\n",
                                    "\xC3\xA4" + data, data + "\x7F", std::string(2 * long_enough, '\\')}) {
        const std::string bytes = R"({"\"":"\\","long":")" + text + R"(","after":[{"x":"\\\""}]})";
        const auto expected = core::parse_json(bytes, {bytes.size(), 64}, ErrorClass::invalid_output);
        const auto body = AnswerBody::parse(bytes);
        ASSERT_TRUE(expected.ok() && body.ok()) << text.substr(0, 10);
        EXPECT_TRUE(body->text(body->root(), "long") == expected->at("long").get<std::string>()) << text.substr(0, 10);
        EXPECT_EQ(body->root().at("after"), expected->at("after"));
    }
}

TEST(AnswerBody, WhatIsNoJsonIsNoneWithLongStringsEither) {
    const std::string data(long_enough, 'A');
    for (const std::string& bytes :
         {"{\"a\":\"" + data + "\"", "{\"a\":\"" + data, "{\"a\" \"" + data + "\"}", "{\"a\":\"" + data + "\n\"}",
          "{\"a\":\"" + data + "\xFF\"}", "{\"a\":\"" + data + "\0\"}"s, "{\"a\":\"" + data + "\\u0000\"}",
          "{\"a\":\"" + data + "\\x\"}", "\"" + data + "\"\"" + data + "\"", "{\"a\":\"" + data + "\"}x",
          "a\"" + data + "\""})
        expect_error(bytes, ErrorClass::invalid_output);
}

TEST(AnswerBody, AMarkerOfTheProvidersOwnIsAText) {
    const std::string data(long_enough, 'A');
    const std::string bytes = R"({"a":")" + data + R"(","b":"<atelier long string>0"})";
    const auto body = AnswerBody::parse(bytes);
    ASSERT_TRUE(body.ok());
    EXPECT_EQ(body->text(body->root(), "a"), data);
    EXPECT_EQ(body->text(body->root(), "b"), "<atelier long string>0");
    const auto escaped = AnswerBody::parse(R"({"a":"\u003catelier long string>7"})");
    ASSERT_TRUE(escaped.ok());
    EXPECT_EQ(escaped->text(escaped->root(), "a"), "<atelier long string>7");
}

TEST(AnswerBody, FillerBeforeTheAnswerIsSkipped) {
    const std::string bytes = "\n\n \r\n\t{\"a\":1}\n";
    const auto body = AnswerBody::parse(bytes);
    ASSERT_TRUE(body.ok());
    EXPECT_EQ(body->root().at("a"), 1);
    for (const std::string& nothing : {""s, " "s, "\n\n\r\n\t"s})
        expect_error(nothing, ErrorClass::no_output);
}

TEST(AnswerBody, ForeignEncodingsAreRefused) {
    expect_error("\xEF\xBB\xBF{}", ErrorClass::invalid_output);
    expect_error("\xFF\xFE{\0}\0"s, ErrorClass::invalid_output);
    expect_error("\xFE\xFF\0{\0}"s, ErrorClass::invalid_output);
    expect_error("{\0}\0"s, ErrorClass::invalid_output);
    expect_error("\x1F\x8B\x08\0"s, ErrorClass::invalid_output);
}

TEST(AnswerBody, DepthAndSizeAreLimited) {
    expect_error(std::string(2'000'000, '['), ErrorClass::invalid_output);
    expect_error(std::string(2'000'000, '[') + std::string(2'000'000, ']'), ErrorClass::invalid_output);
    std::string objects;
    for (int i = 0; i < 300'000; ++i)
        objects += "{\"a\":";
    expect_error(objects, ErrorClass::invalid_output);
    std::string numbers = "[0";
    while (numbers.size() <= AnswerBody::max_other_bytes)
        numbers += ",0";
    expect_error(numbers + "]", ErrorClass::invalid_output);
    // Pictures do not count.
    EXPECT_TRUE(AnswerBody::parse("[\"" + std::string(AnswerBody::max_other_bytes, 'A') + "\"]").ok());
}

}  // namespace
}  // namespace atelier::provider
