#include <gtest/gtest.h>

#include "provider_verdicts.hpp"

namespace atelier::provider {
namespace {

using core::Json;
using core::Milliseconds;
using UsageMap = std::map<std::string, std::uint64_t>;

const std::string picture_bytes = "\x89PNG and so on";

Verdict judged_gemini(Task task, const Json& body, int status = 200) {
    return judged(Kind::gemini, task, {status, body.dump()});
}

Json picture_part(const std::string& mime = "image/png") {
    return {{"inlineData", {{"mimeType", mime}, {"data", base64_of(picture_bytes)}}}, {"thoughtSignature", "Cg=="}};
}

Json text_part(const std::string& text) {
    return {{"text", text}};
}

Json answer(Json parts, const std::string& reason = "STOP") {
    return {
        {"candidates",
         Json::array({{{"index", 0}, {"finishReason", reason}, {"content", {{"role", "model"}, {"parts", parts}}}}})},
        {"modelVersion", "gemini-nano-banana-2.1"}};
}

TEST(Gemini, APictureWithItsUsage) {
    Json body = answer(Json::array({text_part("Here it is."), picture_part()}));
    body["usageMetadata"] = {{"promptTokenCount", 271},
                             {"candidatesTokenCount", 1290},
                             {"thoughtsTokenCount", 10},
                             {"cachedContentTokenCount", 71},
                             {"totalTokenCount", 1571}};
    const Verdict verdict = judged_gemini(Task::image, body);
    ASSERT_TRUE(verdict.made.ok()) << message(verdict);
    ASSERT_TRUE(verdict.made->picture.has_value());
    EXPECT_EQ(verdict.made->picture->mime, "image/png");
    EXPECT_EQ(verdict.made->picture->bytes, picture_bytes);
    EXPECT_EQ(verdict.made->text, "Here it is.");
    EXPECT_EQ(verdict.model, "gemini-nano-banana-2.1");
    EXPECT_EQ(usage_of(verdict),
              (UsageMap{{"image", 1}, {"input_token", 200}, {"cached_input_token", 71}, {"output_token", 1300}}));
}

TEST(Gemini, ThoughtsAreSkipped) {
    Json draft = picture_part("image/jpeg");
    draft["thought"] = true;
    Json note = text_part("thinking");
    note["thought"] = true;
    const Verdict verdict = judged_gemini(Task::image, answer(Json::array({note, draft, picture_part()})));
    ASSERT_TRUE(verdict.made.ok());
    EXPECT_EQ(verdict.made->picture->mime, "image/png");
    EXPECT_EQ(verdict.made->text, "");
    EXPECT_EQ(outcome(judged_gemini(Task::image, answer(Json::array({draft})))), "no_output");
    EXPECT_EQ(judged_gemini(Task::text, answer(Json::array({note, text_part("a"), text_part("b")}))).made->text, "ab");
}

TEST(Gemini, JsonComesAsTextInParts) {
    const Verdict verdict =
        judged_gemini(Task::json, answer(Json::array({text_part("{\"tags\":"), text_part("[1]}")})));
    ASSERT_TRUE(verdict.made.ok());
    EXPECT_EQ(verdict.made->json, (Json{{"tags", {1}}}));
    EXPECT_EQ(judged_gemini(Task::json, answer(Json::array({text_part("```json\n[1]\n```\n")}))).made->json, Json{1});
}

TEST(Gemini, EveryFinishReason) {
    const std::pair<const char*, const char*> rows[] = {
        {"STOP", "made"},
        {"MAX_TOKENS", "invalid_output"},
        {"SAFETY", "content_blocked"},
        {"PROHIBITED_CONTENT", "content_blocked"},
        {"BLOCKLIST", "content_blocked"},
        {"SPII", "content_blocked"},
        {"RECITATION", "content_blocked"},
        {"LANGUAGE", "content_blocked"},
        {"IMAGE_SAFETY", "content_blocked"},
        {"IMAGE_PROHIBITED_CONTENT", "content_blocked"},
        {"IMAGE_RECITATION", "content_blocked"},
        {"NO_IMAGE", "no_output"},
        {"IMAGE_OTHER", "no_output"},
        {"OTHER", "no_output"},
        {"MALFORMED_RESPONSE", "no_output"},
        {"CONTINUATION", "no_output"},
        {"MALFORMED_FUNCTION_CALL", "invalid_request"},
        {"UNEXPECTED_TOOL_CALL", "invalid_request"},
        {"TOO_MANY_TOOL_CALLS", "invalid_request"},
        {"SOMETHING_NEW", "no_output"},
    };
    for (const auto& [reason, expected] : rows) {
        const Verdict verdict = judged_gemini(Task::json, answer(Json::array({text_part("{}")}), reason));
        EXPECT_EQ(outcome(verdict), expected) << reason;
        EXPECT_EQ(message(verdict).find(reason) == std::string::npos, verdict.made.ok()) << reason;
        expect_storable(verdict);
    }
    // The picture is there and paid for; only words behind it are missing.
    EXPECT_EQ(outcome(judged_gemini(Task::image, answer(Json::array({picture_part()}), "MAX_TOKENS"))), "made");
}

TEST(Gemini, AFinishMessageIsQuoted) {
    Json body{
        {"candidates", Json::array({{{"finishReason", "IMAGE_SAFETY"}, {"finishMessage", "Unable to show it."}}})}};
    EXPECT_EQ(message(judged_gemini(Task::image, body)), "the provider ended with IMAGE_SAFETY: Unable to show it");
}

TEST(Gemini, ATextInPlaceOfAPictureIsQuoted) {
    const Verdict verdict = judged_gemini(Task::image, answer(Json::array({text_part("I would rather not.")})));
    EXPECT_EQ(outcome(verdict), "no_output");
    EXPECT_EQ(message(verdict), "the provider answered without a picture, but with a text: I would rather not");
}

TEST(Gemini, ABlockedPromptHasNoCandidates) {
    for (const char* reason : {"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "NEW_ONE"}) {
        Json body{{"promptFeedback", {{"blockReason", reason}}}, {"usageMetadata", {{"promptTokenCount", 8}}}};
        const Verdict verdict = judged_gemini(Task::image, body);
        EXPECT_EQ(outcome(verdict), "content_blocked") << reason;
        EXPECT_EQ(usage_of(verdict), (UsageMap{{"input_token", 8}}));
    }
}

TEST(Gemini, CandidatesThatHoldNothing) {
    for (const char* body :
         {R"({})", R"([])", R"("text")", R"(null)", R"({"candidates":[]})", R"({"candidates":{}})",
          R"({"candidates":[null]})", R"({"candidates":[{"finishReason":"STOP"}]})",
          R"({"candidates":[{"content":{"parts":[]}}]})", R"({"candidates":[{"content":{"parts":[7,"x",null]}}]})",
          R"({"candidates":[{"content":[]}]})", R"({"candidates":[{"finishReason":7,"content":{"parts":3}}]})",
          R"({"candidates":[{"content":{"parts":[{"text":" \n"}]}}]})",
          R"({"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"text/html","data":"AAAA"}}]}}]})"}) {
        for (const Task task : {Task::image, Task::json, Task::text})
            EXPECT_EQ(outcome(judged(Kind::gemini, task, {200, body})), "no_output") << body;
    }
}

struct ErrorRow {
    const char* name;
    int status;
    std::string body;
    const char* outcome;
    std::optional<Milliseconds> retry_after = std::nullopt;
    std::vector<std::pair<std::string, std::string>> headers = {};
};

std::string error_body(int code, const std::string& status, const std::string& text, Json details = nullptr) {
    Json error{{"code", code}, {"status", status}, {"message", text}};
    if (!details.is_null()) error["details"] = std::move(details);
    return Json{{"error", error}}.dump();
}

Json detail(const std::string& type, Json members) {
    members["@type"] = "type.googleapis.com/google.rpc." + type;
    return members;
}

Json quota(const std::string& id, const Json& value = "10") {
    Json violation{{"quotaId", id}};
    if (!value.is_null()) violation["quotaValue"] = value;
    return detail("QuotaFailure", {{"violations", Json::array({violation})}});
}

Json delay(const std::string& text) {
    return detail("RetryInfo", {{"retryDelay", text}});
}

TEST(Gemini, EveryError) {
    const std::string minute = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier";
    const std::string day = "GenerateRequestsPerDayPerProjectPerModel-FreeTier";
    const std::string exhausted = "RESOURCE_EXHAUSTED";
    constexpr Milliseconds hour = std::chrono::hours(1);
    const ErrorRow rows[] = {
        {"bad body", 400, error_body(400, "INVALID_ARGUMENT", "no"), "invalid_request"},
        {"bad key", 400,
         error_body(400, "INVALID_ARGUMENT", "no", Json::array({detail("ErrorInfo", {{"reason", "API_KEY_INVALID"}})})),
         "auth"},
        {"bad key by message", 400,
         error_body(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), "auth"},
        {"billing", 400, error_body(400, "FAILED_PRECONDITION", "Enable Billing on your project"), "no_credit"},
        {"region", 400, error_body(400, "FAILED_PRECONDITION", "User location is not supported"), "auth"},
        {"no access", 403, error_body(403, "PERMISSION_DENIED", "no"), "auth"},
        {"no model", 404, error_body(404, "NOT_FOUND", "models/x is not found"), "invalid_request"},
        {"slow request", 408, "", "timeout"},
        {"too big", 413, "<html>", "invalid_request"},
        {"per minute", 429, error_body(429, exhausted, "slow", Json::array({quota(minute), delay("34.07s")})),
         "rate_limited", Milliseconds(34'070)},
        {"per minute, header",
         429,
         error_body(429, exhausted, "slow", Json::array({quota(minute)})),
         "rate_limited",
         Milliseconds(7000),
         {{"retry-after", "7"}}},
        {"per day", 429, error_body(429, exhausted, "slow", Json::array({delay("34s"), quota(day)})), "rate_limited",
         hour},
        {"per day, later", 429, error_body(429, exhausted, "slow", Json::array({delay("7201s"), quota(day)})),
         "rate_limited", Milliseconds(7'201'000)},
        {"limit 0", 429, error_body(429, exhausted, "slow", Json::array({quota(minute, "0"), delay("34s")})),
         "no_credit"},
        {"limit 0 as number", 429, error_body(429, exhausted, "slow", Json::array({quota(day, 0)})), "no_credit"},
        {"limit 0 left out", 429,
         error_body(429, exhausted, "metric: x, limit: 0, model: y", Json::array({quota(day, nullptr)})), "no_credit"},
        {"limit 0.5 is some", 429,
         error_body(429, exhausted, "limit: 0.5", Json::array({quota(minute, nullptr), delay("1s")})), "rate_limited",
         Milliseconds(1000)},
        {"spend limit", 429, error_body(429, exhausted, "Resource has been exhausted"), "rate_limited",
         std::chrono::minutes(2)},
        {"gateway limit", 429, "", "rate_limited", std::chrono::minutes(2)},
        {"odd details", 429,
         error_body(429, exhausted, "x",
                    Json::array({1,
                                 nullptr,
                                 {{"@type", 3}},
                                 detail("RetryInfo", {{"retryDelay", 7}}),
                                 detail("QuotaFailure", {{"violations", {1, "x"}}})})),
         "rate_limited", std::chrono::minutes(2)},
        {"cancelled", 499, error_body(499, "CANCELLED", "x"), "timeout"},
        {"internal", 500, error_body(500, "INTERNAL", "x"), "overloaded"},
        {"gateway", 502, "<html>Bad Gateway</html>", "overloaded"},
        {"unavailable", 503, error_body(503, "UNAVAILABLE", "x", Json::array({delay("5s")})), "overloaded",
         Milliseconds(5000)},
        {"deadline", 504, error_body(504, "DEADLINE_EXCEEDED", "x"), "timeout"},
        {"in an array", 503, "[" + error_body(503, "UNAVAILABLE", "x") + "]", "overloaded"},
        {"within 200", 200, error_body(503, "UNAVAILABLE", "x"), "overloaded"},
        {"within 200, limit", 200, error_body(429, exhausted, "x", Json::array({delay("3s")})), "rate_limited",
         Milliseconds(3000)},
        {"within 200, by word", 200, R"({"error":{"status":"PERMISSION_DENIED"}})", "auth"},
        {"within 200, nothing", 200, R"({"error":{}})", "overloaded"},
    };
    for (const ErrorRow& row : rows) {
        const Verdict verdict = judged(Kind::gemini, Task::image, {row.status, row.body, row.headers});
        EXPECT_EQ(outcome(verdict), row.outcome) << row.name;
        EXPECT_EQ(verdict.retry_after, row.retry_after) << row.name;
        EXPECT_TRUE(verdict.usage.empty()) << row.name;
        expect_storable(verdict);
    }
}

TEST(Gemini, AnErrorSaysWhatTheProviderSays) {
    EXPECT_EQ(
        message(
            judged(Kind::gemini, Task::image, {404, error_body(404, "NOT_FOUND", "models/x is no longer available.")})),
        "the provider answered 404 (NOT_FOUND); if the model is retired, the operator must name another one in the "
        "server's options: models/x is no longer available");
    const Verdict verdict = judged(Kind::gemini, Task::image, {400, error_body(400, "X", std::string(5000, 'x'))});
    EXPECT_LT(message(verdict).size(), 400U);
}

TEST(Gemini, CountersThatAreNoneAreIgnored) {
    for (const char* counter : {"-1", "\"271\"", "1.5", "9223372036854775808", "1e30", "null", "[]", "true"}) {
        Json body = answer(Json::array({text_part("x")}));
        body["usageMetadata"] = {{"promptTokenCount", Json::parse(counter)}, {"candidatesTokenCount", 5}};
        EXPECT_EQ(usage_of(judged_gemini(Task::text, body)), (UsageMap{{"output_token", 5}})) << counter;
    }
    Json body = answer(Json::array({text_part("x")}));
    body["usageMetadata"] = {{"promptTokenCount", 5},
                             {"cachedContentTokenCount", 9},
                             {"candidatesTokenCount", INT64_MAX},
                             {"thoughtsTokenCount", INT64_MAX}};
    EXPECT_EQ(usage_of(judged_gemini(Task::text, body)), (UsageMap{{"input_token", 5}}));
    body["usageMetadata"] = {{"candidatesTokenCount", UINT64_MAX}, {"thoughtsTokenCount", 3}};
    EXPECT_EQ(usage_of(judged_gemini(Task::text, body)), (UsageMap{{"output_token", 3}}));
    body["usageMetadata"] = "none";
    EXPECT_EQ(usage_of(judged_gemini(Task::text, body)), UsageMap{});
}

}  // namespace
}  // namespace atelier::provider
