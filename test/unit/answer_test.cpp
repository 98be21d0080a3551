#include "executor/answer.hpp"

#include <gtest/gtest.h>

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;

const AnswerHead head{Json{{"job", "j"}, {"token", 9223372036854775807}}, true, core::Milliseconds{42}};

TEST(Answer, Completed) {
    const Json answer = Json::parse(completed_answer(head, {{"size", 1}}, Json::array({{{"unit", "image"}}})).text);
    EXPECT_EQ(answer, (Json{{"lease", head.lease},
                            {"outcome", "completed"},
                            {"sent", true},
                            {"duration_ms", 42},
                            {"result", {{"size", 1}}},
                            {"usage", Json::array({{{"unit", "image"}}})}}));
    EXPECT_FALSE(Json::parse(completed_answer(head, Json::object(), Json()).text).contains("usage"));
}

TEST(Answer, Failed) {
    const Json answer =
        Json::parse(failed_answer(head, {ErrorClass::no_output, "a\xFF" + std::string(5000, 'x')}).text);
    EXPECT_EQ(answer.at("outcome"), "failed");
    EXPECT_EQ(answer.at("lease"), head.lease);
    EXPECT_EQ(answer.at("error").at("class"), "no_output");
    EXPECT_LE(answer.at("error").at("message").get<std::string>().size(), 1000U);
}

TEST(Answer, AFailureTellsWhatItUsedAndWhenToComeBack) {
    const Json usage = Json::array({{{"unit", "input_token"}, {"quantity", 7}}});
    const Json answer = Json::parse(
        failed_answer(head, {ErrorClass::rate_limited, "slow down"}, {usage, core::Milliseconds{34'070}}).text);
    EXPECT_EQ(answer.at("usage"), usage);
    EXPECT_EQ(answer.at("error").at("retry_after_ms"), 34'070);
    EXPECT_FALSE(Json::parse(failed_answer(head, {ErrorClass::network, "gone"}).text).contains("usage"));
}

TEST(Answer, NotSentMayLetTheLaneRest) {
    const Json answer = Json::parse(not_sent_answer(head, "the spool is full", core::Milliseconds{5000}).text);
    EXPECT_EQ(answer.at("outcome"), "not_sent");
    EXPECT_EQ(answer.at("error"), (Json{{"message", "the spool is full"}, {"retry_after_ms", 5000}}));
}

TEST(Answer, NotSentNeverSaysSent) {
    const Json answer = Json::parse(not_sent_answer(head).text);
    EXPECT_EQ(answer.at("outcome"), "not_sent");
    EXPECT_EQ(answer.at("sent"), false);
}

TEST(Answer, TooLongAResultBecomesAFailure) {
    const std::string text = completed_answer(head, {{"text", std::string(1'000'000, 'x')}}, Json()).text;
    EXPECT_LT(text.size(), 1'000'000U);
    EXPECT_EQ(Json::parse(text).at("error").at("class"), "invalid_output");
}

TEST(Answer, OfThePaceOnlyWhatIsKnown) {
    using core::PaceKind;
    core::Pace used;
    used.tokens = 7;
    EXPECT_TRUE(completed_answer(head, Json::object(), Json()).pace.is_plain());
    EXPECT_EQ(completed_answer(head, Json::object(), Json(), used).pace.tokens, 7U);
    const Answer too_long = completed_answer(head, {{"text", std::string(1'000'000, 'x')}}, Json(), used);
    EXPECT_EQ(too_long.pace.kind, PaceKind::answered);
    EXPECT_EQ(too_long.pace.tokens, 7U);
    EXPECT_EQ(failed_answer(head, {ErrorClass::network, "gone"}).pace.kind, PaceKind::unknown);
    EXPECT_EQ(not_sent_answer(head).pace.kind, PaceKind::unknown);
    const core::Pace closed = not_sent_answer(head, "the spool is full", core::Milliseconds{5000}).pace;
    EXPECT_EQ(closed.kind, PaceKind::rest);
    EXPECT_EQ(closed.retry_after, core::Milliseconds{5000});
}

}  // namespace
}  // namespace atelier::executor
