// Schemas of paid calls, through the executor program.

#include <gtest/gtest.h>

#include <csignal>

#include "paid_rig.hpp"

namespace atelier::test {
namespace {

const Json schema = Json::parse(R"({"type": "object", "required": ["rooms"],
                                    "properties": {"rooms": {"type": "array", "items": {"type": "string"}}}})");

std::string json_answer(const std::string& text) {
    const Json candidate{{"finishReason", "STOP"}, {"content", {{"parts", Json::array({{{"text", text}}})}}}};
    return Json{{"candidates", Json::array({candidate})},
                {"usageMetadata", {{"promptTokenCount", 7}, {"candidatesTokenCount", 12}}},
                {"modelVersion", "model-as-served"}}
        .dump();
}

class Analyst {
  public:
    explicit Analyst(const std::string& text)
        : server_([body = json_answer(text)](Peer& peer) {
              while (!peer.read_request().empty())
                  if (!peer.send(reply(200, body, "Content-Type: application/json\r\n"))) return;
          }) {}

    std::size_t requests() const { return server_.requests().size(); }
    Json config() const { return providers("http://127.0.0.1:" + std::to_string(server_.port())); }

  private:
    RawServer server_;
};

void order_json(ExecutorProcess& executor, std::uint64_t attempt, const Json& with_schema) {
    executor.order(attempt, "ai.json", {{"prompt", "which rooms?"}, {"schema", with_schema}}, 20'000, "gemini");
}

void expect_bad_answer(const Json& answer) {
    EXPECT_EQ(answer["outcome"], "failed") << answer;
    EXPECT_EQ(answer["error"]["class"], "invalid_output");
    EXPECT_EQ(answer["error"]["message"],
              "the answer does not match its schema at /rooms/1: expected type \"string\", found 3 "
              "(model model-as-served)");
    EXPECT_EQ(answer["usage"].size(), 2U) << answer;
    EXPECT_EQ(answer["sent"], true);
}

TEST(ExecutorSchema, AnAnswerOfTheFormThatWasAskedForIsTheResult) {
    Analyst analyst(R"({"rooms": ["kitchen"]})");
    ExecutorProcess executor;
    executor.start();
    configure(executor, analyst.config());
    order_json(executor, 7, schema);
    const Json answer = executor.answer(7);
    ASSERT_EQ(answer["outcome"], "completed") << answer;
    EXPECT_EQ(answer["result"]["json"], (Json{{"rooms", {"kitchen"}}}));
    EXPECT_EQ(answer["result"]["model"], "model-as-served");
}

TEST(ExecutorSchema, ABadAnswerIsInvalidOutput) {
    Analyst analyst(R"({"rooms": ["kitchen", 3]})");
    ExecutorProcess executor;
    executor.start();
    configure(executor, analyst.config());
    order_json(executor, 7, schema);
    expect_bad_answer(executor.answer(7));
    order_json(executor, 8, nullptr);
    EXPECT_EQ(executor.answer(8)["outcome"], "completed") << "without a schema any object will do";
}

TEST(ExecutorSchema, TheNextExecutorJudgesAReceiptInTheSameWay) {
    Analyst analyst(R"({"rooms": ["kitchen", 3]})");
    ExecutorProcess first;
    first.start();
    configure(first, analyst.config());
    order_json(first, 7, schema);
    expect_bad_answer(first.answer(7));
    ::kill(first.engine(), SIGKILL);
    ASSERT_TRUE(first.wait_for_nanny().has_value());

    ExecutorProcess second;
    second.start(first.hello());
    configure(second, analyst.config());
    expect_bad_answer(second.answer(7));
    EXPECT_TRUE(second.frame(wire::FrameType::adopted).has_value());
    EXPECT_EQ(analyst.requests(), 1U);
}

TEST(ExecutorSchema, NothingIsSentWithASchemaThatNoAnswerCanBeCheckedAgainst) {
    Analyst analyst(R"({"rooms": []})");
    ExecutorProcess executor;
    executor.start();
    configure(executor, analyst.config());
    order_json(executor, 7, {{"type", "poem"}});
    const Json answer = executor.answer(7);
    EXPECT_EQ(answer["outcome"], "failed") << answer;
    EXPECT_EQ(answer["error"]["class"], "invalid_request");
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("/type"), std::string::npos) << answer;
    EXPECT_EQ(answer["sent"], false);
    EXPECT_FALSE(answer.contains("usage"));
    EXPECT_EQ(analyst.requests(), 0U);
}

}  // namespace
}  // namespace atelier::test
