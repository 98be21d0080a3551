// What answers say of the pace of their provider.

#include "provider_verdicts.hpp"

namespace atelier::provider {
namespace {

using core::Axis;
using core::AxisLimit;
using core::Json;
using core::Milliseconds;
using core::Pace;
using core::PaceKind;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr Milliseconds minute = std::chrono::minutes(1);
constexpr Milliseconds hour = std::chrono::hours(1);

void expect_limits(const Pace& pace, const std::vector<AxisLimit>& wanted) {
    ASSERT_EQ(pace.limits.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(pace.limits[i].axis, wanted[i].axis) << i;
        EXPECT_EQ(pace.limits[i].limit, wanted[i].limit) << i;
        EXPECT_EQ(pace.limits[i].remaining, wanted[i].remaining) << i;
        EXPECT_EQ(pace.limits[i].reset, wanted[i].reset) << i;
        EXPECT_EQ(pace.limits[i].window, wanted[i].window) << i;
    }
}

const std::string chat =
    R"({"model":"m","choices":[{"message":{"content":"{}"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":30,"completion_tokens":12,"prompt_tokens_details":{"cached_tokens":10}}})";

Pace of_openai(int status, const std::string& body, const Headers& headers = {}) {
    return judged(Kind::openai, Task::json, {status, body, headers}).pace;
}

Json violation(const char* id, const Json& value) {
    Json violation{{"quotaId", id}};
    if (!value.is_null()) violation["quotaValue"] = value;
    return violation;
}

Pace of_gemini(const Json& violations, const Headers& headers = {}, const char* delay = nullptr) {
    Json details =
        Json::array({{{"@type", "type.googleapis.com/google.rpc.QuotaFailure"}, {"violations", violations}}});
    if (delay) details.push_back({{"@type", "type.googleapis.com/google.rpc.RetryInfo"}, {"retryDelay", delay}});
    const Json body{
        {"error", {{"code", 429}, {"status", "RESOURCE_EXHAUSTED"}, {"message", "slow"}, {"details", details}}}};
    return judged(Kind::gemini, Task::image, {429, body.dump(), headers}).pace;
}

TEST(ProviderPace, AnAnswerTellsWhatWasUsedAndWhatIsLeft) {
    const Pace plain = judged(Kind::openai, Task::json, {200, R"({"choices":[{"message":{"content":"{}"}}]})"}).pace;
    EXPECT_TRUE(plain.is_plain());
    const Pace pace = of_openai(200, chat,
                                {{"x-ratelimit-limit-requests", "60"},
                                 {"x-ratelimit-remaining-requests", "59"},
                                 {"x-ratelimit-reset-requests", "1s"},
                                 {"x-ratelimit-limit-tokens", "150000"},
                                 {"x-ratelimit-remaining-tokens", "149984"},
                                 {"x-ratelimit-reset-tokens", "6m0s"}});
    EXPECT_EQ(pace.kind, PaceKind::answered);
    EXPECT_EQ(pace.tokens, 42U);
    EXPECT_EQ(pace.images, 0U);
    expect_limits(pace, {{Axis::requests, 60, 59, Milliseconds(1000), {}},
                         {Axis::tokens, 150'000, 149'984, Milliseconds(360'000), {}}});
}

TEST(ProviderPace, AHeaderThatCannotBeReadTellsNothing) {
    const std::string limit = "x-ratelimit-limit-requests", left = "x-ratelimit-remaining-requests",
                      reset = "x-ratelimit-reset-requests";
    const Headers useless[] = {
        {{limit, "60"}, {left, "59"}},
        {{limit, "60"}, {left, "0"}, {reset, "soon"}},
        {{limit, "0"}, {left, "0"}, {reset, "1s"}},
        {{limit, "-1"}, {left, "1.5"}, {reset, "1s"}},
        {{limit, "9223372036854775808"}, {left, "0x10"}, {reset, "1s"}},
        {{reset, "1s"}},
        {{"x-ratelimit-limit", "60"}, {"x-ratelimit-remaining", "59"}, {"x-ratelimit-reset", "1s"}},
    };
    for (const Headers& headers : useless)
        expect_limits(of_openai(200, chat, headers), {});
    expect_limits(of_openai(200, chat, {{limit, "many"}, {left, "0"}, {reset, "1s"}}),
                  {{Axis::requests, {}, 0, Milliseconds(1000), {}}});
}

TEST(ProviderPace, EveryKindOfTrouble) {
    struct Row {
        int status;
        std::string body;
        PaceKind kind;
    };
    const Row rows[] = {
        {429, R"({"error":{"code":"rate_limit_exceeded"}})", PaceKind::rate_limited},
        {429, R"({"error":{"code":"insufficient_quota"}})", PaceKind::answered},
        {400, R"({"error":{"code":"moderation_blocked"}})", PaceKind::answered},
        {401, "", PaceKind::answered},
        {500, "", PaceKind::failed},
        {503, "<html>", PaceKind::failed},
        {504, "", PaceKind::failed},
        {200, "<html>", PaceKind::answered},
        {200, R"({"choices":[]})", PaceKind::answered},
    };
    for (const Row& row : rows)
        EXPECT_EQ(of_openai(row.status, row.body).kind, row.kind) << row.status << row.body;
    EXPECT_EQ(of_openai(429, "", {{"retry-after-ms", "1200"}}).retry_after, Milliseconds(1200));
}

TEST(ProviderPace, GeminisQuotasOfAMinuteAreLimits) {
    const Pace pace = of_gemini(
        Json::array({violation("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "10"),
                     violation("GenerateContentInputTokensPerModelPerMinute", 250'000),
                     violation("GenerateImagesPerMinutePerProjectPerModel", "4"), violation("SomethingPerMinute", "3"),
                     violation("GenerateRequestsPerHour", "3"), violation("GenerateRequestsPerMinute", "many"),
                     violation("GenerateRequestsPerMinute", nullptr), 7}),
        {}, "34.07s");
    EXPECT_EQ(pace.kind, PaceKind::rate_limited);
    EXPECT_EQ(pace.retry_after, Milliseconds(34'070));
    EXPECT_FALSE(pace.daily);
    expect_limits(pace, {{Axis::requests, 10, {}, {}, minute},
                         {Axis::tokens, 250'000, {}, {}, minute},
                         {Axis::images, 4, {}, {}, minute}});
    EXPECT_LE(of_gemini(Json(100, violation("GenerateRequestsPerMinute", "10"))).limits.size(), core::max_axis_limits);
}

TEST(ProviderPace, GeminisQuotaOfADayRestsUntilMidnightInCalifornia) {
    const Json day = Json::array({violation("GenerateRequestsPerDayPerProjectPerModel", "100")});
    const auto rest = [&](const char* date, const char* delay = nullptr) {
        const Pace pace = of_gemini(day, date ? Headers{{"date", date}} : Headers{}, delay);
        EXPECT_TRUE(pace.daily);
        EXPECT_TRUE(pace.limits.empty());
        return *pace.retry_after;
    };
    EXPECT_EQ(rest("Sun, 22 Nov 2026 06:00:00 GMT"), 2 * hour + minute);
    EXPECT_EQ(rest("Sat, 04 Jul 2026 06:00:00 GMT", "34s"), hour + minute);
    EXPECT_EQ(rest("Sun, 22 Nov 2026 07:59:59 GMT"), Milliseconds(1000) + minute);
    EXPECT_EQ(rest("Sun, 22 Nov 2026 08:00:10 GMT"), hour) << "soon after midnight it may open a little later";
    EXPECT_EQ(rest("Sun, 22 Nov 2026 07:00:00 GMT", "7200s"), 2 * hour);
    EXPECT_EQ(rest(nullptr), hour);
    EXPECT_EQ(rest("yesterday"), hour);
}

}  // namespace
}  // namespace atelier::provider
