// What is made of a receipt, whoever settles it: JSON is judged by the schema that stands in its head.
#include "executor/receipt.hpp"

#include <gtest/gtest.h>

namespace atelier::executor {
namespace {

using core::ErrorClass;
using core::Json;
const Json schema = Json::parse(R"({"type": "object", "required": ["room"], "additionalProperties": false,
                                    "properties": {"room": {"type": "string"}}})");

std::string chat_answer(const std::string& content) {
    return Json{{"model", "model-as-served"},
                {"choices", Json::array({{{"finish_reason", "stop"}, {"message", {{"content", content}}}}})},
                {"usage", {{"prompt_tokens", 20}, {"completion_tokens", 5}}}}
        .dump();
}

Receipt receipt_of(const Json& request_schema, const std::string& content, const std::string& task = "ai.json") {
    Order order{{{"token", 7}}, core::Milliseconds{1000}, Request{AiRequest{}}};
    auto& request = std::get<AiRequest>(*order.request);
    request.provider = "openai";
    request.task = *provider::task_from_string(task);
    request.model = "some-model";
    request.schema = request_schema;
    HttpReply reply;
    reply.status = 200;
    reply.body = chat_answer(content);
    Receipt receipt{receipt_head(order, provider::Kind::openai, reply, core::Milliseconds{42}), reply.body};
    // As it is read again from the spool.
    receipt.head = Json::parse(core::write_json(receipt.head));
    return receipt;
}

TEST(Receipt, JsonOfTheSchemaIsTheResult) {
    const Json answer = Json::parse(answer_of(judge_receipt(receipt_of(schema, R"({"room": "kitchen"})"))).text);
    EXPECT_EQ(answer["outcome"], "completed") << answer;
    EXPECT_EQ(answer["result"], (Json{{"json", {{"room", "kitchen"}}}, {"model", "model-as-served"}}));
}

TEST(Receipt, JsonThatBreaksTheSchemaIsInvalidOutputAndWasBilled) {
    const Judged judged = judge_receipt(receipt_of(schema, R"({"room": 3})"));
    const Json answer = Json::parse(answer_of(judged).text);
    EXPECT_EQ(answer["outcome"], "failed");
    EXPECT_EQ(answer["sent"], true);
    EXPECT_EQ(answer["error"]["class"], "invalid_output");
    EXPECT_EQ(answer["error"]["message"],
              "the answer does not match its schema at /room: expected type \"string\", found 3 "
              "(model model-as-served)");
    EXPECT_EQ(answer["usage"], Json::parse(R"([{"unit": "input_token", "quantity": 20},
                                               {"unit": "output_token", "quantity": 5}])"));
    EXPECT_FALSE(answer.contains("result"));
    EXPECT_EQ(answer_of(judged).pace.kind, core::PaceKind::answered);
    EXPECT_EQ(answer_of(judged).pace.tokens, 25U);
}

TEST(Receipt, OnDiskTheHeadersStillTellOfThePace) {
    Receipt receipt = receipt_of(schema, R"({"room": "kitchen"})");
    receipt.head["headers"] = Json::parse(R"([["x-ratelimit-limit-requests", "60"],
                                              ["x-ratelimit-remaining-requests", "59"],
                                              ["x-ratelimit-reset-requests", "1s"]])");
    const core::Pace pace = answer_of(judge_receipt(receipt)).pace;
    ASSERT_EQ(pace.limits.size(), 1U);
    EXPECT_EQ(pace.limits[0].remaining, 59U);
    receipt.head["status"] = 429U;
    EXPECT_EQ(answer_of(judge_receipt(receipt)).pace.kind, core::PaceKind::rate_limited);
}

TEST(Receipt, WithoutASchemaAnyJsonWillDo) {
    EXPECT_TRUE(judge_receipt(receipt_of(nullptr, R"({"room": 3})")).result.ok());
    EXPECT_FALSE(receipt_of(nullptr, "{}").head.contains("schema"));
    EXPECT_FALSE(receipt_of(schema, "hello", "ai.text").head.contains("schema"));
    // One that an older executor left.
    Receipt old = receipt_of(schema, R"({"room": 3})");
    old.head.erase("schema");
    EXPECT_TRUE(judge_receipt(old).result.ok());
    // No call is made with such a schema: there is nothing to judge by.
    EXPECT_TRUE(judge_receipt(receipt_of({{"pattern", "x"}}, R"({"room": 3})")).result.ok());
}

TEST(Receipt, AKeyThatIsEchoedIsNotQuoted) {
    Receipt receipt = receipt_of(schema, R"({"room": ["sk-planted-key-0123456789"]})");
    take_out_key(receipt, "sk-planted-key-0123456789");
    const std::string answer = answer_of(judge_receipt(receipt)).text;
    const std::string message = Json::parse(answer).value(Json::json_pointer("/error/message"), "");
    EXPECT_NE(message.find("[redacted]"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("planted"), std::string::npos) << answer;
}

}  // namespace
}  // namespace atelier::executor
