#include <gtest/gtest.h>

#include "provider_verdicts.hpp"

namespace atelier::provider {
namespace {

using core::Json;
using core::Milliseconds;
using UsageMap = std::map<std::string, std::uint64_t>;

Verdict judged_openai(Task task, const std::string& body, int status = 200) {
    return judged(Kind::openai, task, {status, body});
}

std::string chat(const Json& message, const Json& reason = "stop", const Json& usage = nullptr) {
    return Json{{"id", "x"},
                {"model", "deepseek-flash"},
                {"choices", Json::array({{{"index", 0}, {"finish_reason", reason}, {"message", message}}})},
                {"usage", usage}}
        .dump();
}

std::string said(const std::string& content, const Json& reason = "stop") {
    return chat({{"role", "assistant"}, {"content", content}}, reason);
}

TEST(OpenAi, ChatAnswersJsonWithItsUsage) {
    const Json usage{{"prompt_tokens", 34},
                     {"completion_tokens", 9},
                     {"prompt_cache_hit_tokens", 30},
                     {"prompt_tokens_details", {{"cached_tokens", 30}}},
                     {"completion_tokens_details", {{"reasoning_tokens", 4}}}};
    const Verdict verdict =
        judged_openai(Task::json, "\n\n\n" + chat({{"content", "\n{\"alt\":\"A red shoe\"}"}}, "stop", usage));
    ASSERT_TRUE(verdict.made.ok()) << message(verdict);
    EXPECT_EQ(verdict.made->json, (Json{{"alt", "A red shoe"}}));
    EXPECT_EQ(verdict.model, "deepseek-flash");
    EXPECT_EQ(usage_of(verdict), (UsageMap{{"input_token", 4}, {"cached_input_token", 30}, {"output_token", 9}}));
}

TEST(OpenAi, DeepSeeksOwnCacheCounterCounts) {
    const Json usage{{"prompt_tokens", 34}, {"completion_tokens", 9}, {"prompt_cache_hit_tokens", 30}};
    EXPECT_EQ(usage_of(judged_openai(Task::text, chat({{"content", "x"}}, "stop", usage))),
              (UsageMap{{"input_token", 4}, {"cached_input_token", 30}, {"output_token", 9}}));
}

TEST(OpenAi, ReasoningIsNoText) {
    const Verdict verdict = judged_openai(Task::text, chat({{"content", "answer"}, {"reasoning_content", "because"}}));
    ASSERT_TRUE(verdict.made.ok());
    EXPECT_EQ(verdict.made->text, "answer");
    EXPECT_EQ(outcome(judged_openai(Task::text, chat({{"content", nullptr}, {"reasoning_content", "because"}}))),
              "no_output");
}

TEST(OpenAi, ContentMayBeAListOfParts) {
    const Json parts =
        Json::array({{{"type", "text"}, {"text", "{\"a\":"}}, "1", {{"type", "output_text"}, {"text", "}"}}, 7});
    const Verdict verdict = judged_openai(Task::json, chat({{"content", parts}}, nullptr));
    ASSERT_TRUE(verdict.made.ok()) << message(verdict);
    EXPECT_EQ(verdict.made->json, (Json{{"a", 1}}));
}

TEST(OpenAi, HowAChatMayEnd) {
    EXPECT_EQ(outcome(judged_openai(Task::text, chat({{"content", nullptr}, {"refusal", "I can't"}}))),
              "content_blocked");
    const Json refusing = Json::array({{{"type", "refusal"}, {"refusal", "I can't"}}});
    EXPECT_EQ(outcome(judged_openai(Task::text, chat({{"content", refusing}}))), "content_blocked");
    EXPECT_EQ(outcome(judged_openai(Task::json, said("{}", "content_filter"))), "content_blocked");
    EXPECT_EQ(outcome(judged_openai(Task::json, said("{\"a\":", "length"))), "invalid_output");
    EXPECT_EQ(outcome(judged_openai(Task::json, said("", "length"))), "invalid_output");
    EXPECT_EQ(outcome(judged_openai(Task::json, said("", "insufficient_system_resource"))), "overloaded");
    EXPECT_EQ(outcome(judged_openai(Task::json, said("", "tool_calls"))), "no_output");
    EXPECT_EQ(outcome(judged_openai(Task::json, said("{}", "something_new"))), "made");
    EXPECT_EQ(outcome(judged_openai(Task::json, said("{}", nullptr))), "made");
    EXPECT_EQ(outcome(judged_openai(Task::json, said(""))), "no_output");
    EXPECT_EQ(outcome(judged_openai(Task::json, said("7"))), "invalid_output");
    EXPECT_EQ(outcome(judged_openai(Task::json, said("Sure! {}"))), "invalid_output");
    EXPECT_EQ(outcome(judged_openai(Task::text, said(" \n "))), "no_output");
}

TEST(OpenAi, ChatsThatHoldNothing) {
    for (const char* body : {R"({})", R"([])", R"(7)", R"({"choices":[]})", R"({"choices":7})", R"({"choices":[null]})",
                             R"({"choices":[{"message":null}]})", R"({"choices":[{"message":{}}]})",
                             R"({"choices":[{"message":{"content":{}}}]})", R"({"error":null,"choices":[]})"}) {
        EXPECT_EQ(outcome(judged_openai(Task::json, body)), "no_output") << body;
        EXPECT_EQ(outcome(judged_openai(Task::text, body)), "no_output") << body;
    }
}

TEST(OpenAi, APictureWithItsUsage) {
    const std::string bytes(50'000, '\x01');
    const Json body{
        {"created", 1},
        {"output_format", "webp"},
        {"data", Json::array({{{"b64_json", base64_of(bytes)}, {"revised_prompt", "A teapot"}}})},
        {"usage", {{"input_tokens", 12}, {"output_tokens", 1568}, {"input_tokens_details", {{"cached_tokens", 2}}}}}};
    const Verdict verdict = judged_openai(Task::image, body.dump());
    ASSERT_TRUE(verdict.made.ok()) << message(verdict);
    EXPECT_EQ(verdict.made->picture->mime, "image/webp");
    EXPECT_TRUE(verdict.made->picture->bytes == bytes);
    EXPECT_EQ(verdict.made->text, "A teapot");
    EXPECT_EQ(usage_of(verdict),
              (UsageMap{{"image", 1}, {"input_token", 10}, {"cached_input_token", 2}, {"output_token", 1568}}));
}

TEST(OpenAi, PicturesThatAreNone) {
    EXPECT_EQ(judged_openai(Task::image, R"({"data":[{"b64_json":"AAAA"}]})").made->picture->mime, "image/png");
    const std::pair<const char*, const char*> rows[] = {
        {R"({})", "no_output"},
        {R"({"data":[]})", "no_output"},
        {R"({"data":[{}]})", "no_output"},
        {R"({"data":[{"b64_json":""}]})", "no_output"},
        {R"({"data":[{"b64_json":7}]})", "no_output"},
        {R"({"data":[{"url":"https://example.com/x.png"}]})", "invalid_output"},
        {R"({"data":[{"b64_json":"AAA"}]})", "invalid_output"},
        {R"({"data":[{"b64_json":"AAA\n"}]})", "invalid_output"},
        {R"({"data":[{"b64_json":"data:image/png;base64,AAAA"}]})", "invalid_output"},
    };
    for (const auto& [body, expected] : rows)
        EXPECT_EQ(outcome(judged_openai(Task::image, body)), expected) << body;
}

struct ErrorRow {
    const char* name;
    int status;
    std::string body;
    const char* outcome;
    std::optional<Milliseconds> retry_after = std::nullopt;
    std::vector<std::pair<std::string, std::string>> headers = {};
};

std::string error_body(const Json& code, const Json& type = "invalid_request_error") {
    return Json{{"error", {{"message", "text"}, {"type", type}, {"param", nullptr}, {"code", code}}}}.dump();
}

TEST(OpenAi, EveryError) {
    const ErrorRow rows[] = {
        {"bad value", 400, error_body("invalid_value"), "invalid_request"},
        {"bad key", 401, error_body("invalid_api_key"), "auth"},
        {"bad key by word", 400, error_body("invalid_api_key"), "auth"},
        {"no balance", 402, error_body("invalid_request_error", "unknown_error"), "no_credit"},
        {"no region", 403, error_body("unsupported_country_region_territory"), "auth"},
        {"no model", 404, error_body("model_not_found"), "invalid_request"},
        {"conflict", 409, "", "overloaded"},
        {"too big", 413, "", "invalid_request"},
        {"out of range", 422, R"({"detail":"no"})", "invalid_request"},
        {"blocked", 400, error_body("moderation_blocked", "image_generation_user_error"), "content_blocked"},
        {"policy", 400, error_body("content_policy_violation"), "content_blocked"},
        {"too fast",
         429,
         error_body("rate_limit_exceeded", "requests"),
         "rate_limited",
         Milliseconds(20'000),
         {{"retry-after", "20"}}},
        {"too fast, ms",
         429,
         error_body("rate_limit_exceeded"),
         "rate_limited",
         Milliseconds(1200),
         {{"retry-after", "20"}, {"retry-after-ms", "1200"}}},
        {"too fast, reset",
         429,
         error_body("rate_limit_exceeded"),
         "rate_limited",
         Milliseconds(8640),
         {{"x-ratelimit-reset-requests", "8.64s"}}},
        {"too many at once", 429, error_body(nullptr, nullptr), "rate_limited"},
        {"no money",
         429,
         error_body("insufficient_quota", "insufficient_quota"),
         "no_credit",
         std::nullopt,
         {{"retry-after", "20"}}},
        {"no money by type", 429, error_body(nullptr, "insufficient_quota"), "no_credit"},
        {"limit of our own", 400, error_body("billing_hard_limit_reached"), "no_credit"},
        {"server", 500, error_body("server_error", "server_error"), "overloaded"},
        {"overloaded", 503, "", "overloaded", Milliseconds(3000), {{"retry-after", "3"}}},
        {"overloaded too", 529, "", "overloaded"},
        {"gateway", 504, "<html>", "timeout"},
        {"limit, told to stop",
         429,
         error_body(nullptr),
         "invalid_request",
         std::nullopt,
         {{"x-should-retry", "false"}, {"retry-after", "1"}}},
        {"told to try again",
         400,
         error_body("invalid_value"),
         "overloaded",
         Milliseconds(1000),
         {{"x-should-retry", "true"}, {"retry-after", "1"}}},
        {"no key, told to try", 401, error_body("invalid_api_key"), "auth", std::nullopt, {{"x-should-retry", "true"}}},
        {"error is a text", 400, R"({"error":"bad thing"})", "invalid_request"},
        {"code is a number", 429, R"({"error":{"code":429,"message":"slow"}})", "rate_limited"},
        {"error is a list", 500, R"({"error":[1]})", "overloaded"},
        {"plain text", 503, "upstream connect error", "overloaded"},
        {"within 200", 200, error_body("rate_limit_exceeded"), "rate_limited"},
        {"within 200, number", 200, "\n\n" + error_body(503), "overloaded"},
        {"within 200, mistake", 200, error_body(nullptr), "invalid_request"},
        {"within 200, text", 200, R"({"error":"it broke"})", "overloaded"},
        {"within 200, money", 200, error_body("insufficient_quota"), "no_credit"},
    };
    for (const ErrorRow& row : rows) {
        for (const Task task : {Task::image, Task::json}) {
            const Verdict verdict = judged(Kind::openai, task, {row.status, row.body, row.headers});
            EXPECT_EQ(outcome(verdict), row.outcome) << row.name;
            EXPECT_EQ(verdict.retry_after, row.retry_after) << row.name;
            expect_storable(verdict);
        }
    }
}

TEST(OpenAi, AnErrorSaysWhatTheProviderSays) {
    EXPECT_EQ(message(judged_openai(Task::json, error_body("invalid_value"), 400)),
              "the provider answered 400 (invalid_value): text");
    EXPECT_EQ(message(judged_openai(Task::json, R"({"error":"bad thing"})", 400)),
              "the provider answered 400: bad thing");
    EXPECT_EQ(message(judged_openai(Task::json, "upstream connect error\n", 503)),
              "the provider answered 503: upstream connect error");
    EXPECT_EQ(message(judged_openai(Task::json, "<html>secret page</html>", 503)), "the provider answered 503");
}

}  // namespace
}  // namespace atelier::provider
