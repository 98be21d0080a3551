#include "provider/rate_limits.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace atelier::provider {
namespace {

using core::Milliseconds;
using Headers = std::vector<std::pair<std::string, std::string>>;

const std::string date = "Sat, 21 Nov 2026 10:00:00 GMT";

HttpAnswer with(Headers headers) {
    return {429, std::move(headers), {}};
}

TEST(RateLimits, RetryAfterInEveryForm) {
    struct Row {
        std::string value;
        std::optional<Milliseconds> pause;
    };
    const Row rows[] = {
        {"20", Milliseconds(20'000)},
        {"0", Milliseconds(0)},
        {"1.5", Milliseconds(1500)},
        {"86401", max_retry_after},
        {"99999999999999999999999", max_retry_after},
        {"-1", std::nullopt},
        {"NaN", std::nullopt},
        {"inf", std::nullopt},
        {"1e308", std::nullopt},
        {"0x10", std::nullopt},
        {"", std::nullopt},
        {" 5", std::nullopt},
        {std::string(400, '9'), std::nullopt},
        {"Sat, 21 Nov 2026 10:00:30 GMT", Milliseconds(30'000)},
        {"Sat, 21 Nov 2026 09:59:00 GMT", Milliseconds(0)},
        {"Thu, 01 Jan 1970 00:00:00 GMT", Milliseconds(0)},
        {"Fri, 31 Dec 9999 23:59:59 GMT", max_retry_after},
        {"Mon, 30 Feb 2026 10:00:00 GMT", std::nullopt},
        {"tomorrow", std::nullopt},
    };
    for (const Row& row : rows)
        EXPECT_EQ(retry_after(with({{"date", date}, {"retry-after", row.value}})), row.pause) << row.value;
    EXPECT_EQ(retry_after(with({{"retry-after", "Sat, 21 Nov 2026 10:00:30 GMT"}})), std::nullopt);
    EXPECT_EQ(retry_after(with({{"date", "x"}, {"retry-after", "Sat, 21 Nov 2026 10:00:30 GMT"}})), std::nullopt);
    EXPECT_EQ(retry_after(with({})), std::nullopt);
}

TEST(RateLimits, MillisecondsWinOverSeconds) {
    EXPECT_EQ(retry_after(with({{"retry-after", "20"}, {"retry-after-ms", "1200"}})), Milliseconds(1200));
    EXPECT_EQ(retry_after(with({{"retry-after", "20"}, {"retry-after-ms", "-1"}})), Milliseconds(20'000));
}

TEST(RateLimits, DurationsOfGoAndProtobuf) {
    struct Row {
        std::string_view text;
        std::optional<Milliseconds> duration;
    };
    const Row rows[] = {
        {"8.64s", Milliseconds(8640)},
        {"6m0s", Milliseconds(360'000)},
        {"20ms", Milliseconds(20)},
        {"1h30m0s", Milliseconds(5'400'000)},
        {"34.07s", Milliseconds(34'070)},
        {"500\xC2\xB5s", Milliseconds(0)},
        {"2000000ns", Milliseconds(2)},
        {"0s", Milliseconds(0)},
        {"999999h", max_retry_after},
        {"", std::nullopt},
        {"5", std::nullopt},
        {"-5s", std::nullopt},
        {"s", std::nullopt},
        {"5x", std::nullopt},
        {"5s6", std::nullopt},
        {"1e9s", std::nullopt},
        {"nans", std::nullopt},
    };
    for (const Row& row : rows)
        EXPECT_EQ(parse_duration(row.text), row.duration) << row.text;
}

TEST(RateLimits, TheLimitThatIsUsedUpCounts) {
    const std::string requests = "x-ratelimit-reset-requests", tokens = "x-ratelimit-reset-tokens";
    const std::string requests_left = "x-ratelimit-remaining-requests", tokens_left = "x-ratelimit-remaining-tokens";
    EXPECT_EQ(limit_reset(with({{requests, "8.64s"}, {tokens, "6m0s"}, {requests_left, "0"}, {tokens_left, "100"}})),
              Milliseconds(8640));
    EXPECT_EQ(limit_reset(with({{requests, "8.64s"}, {tokens, "6m0s"}, {requests_left, "1"}, {tokens_left, "100"}})),
              Milliseconds(360'000));
    EXPECT_EQ(limit_reset(with({{requests, "8.64s"}, {tokens, "6m0s"}})), Milliseconds(360'000));
    EXPECT_EQ(limit_reset(with({{requests, "soon"}})), std::nullopt);
    EXPECT_EQ(limit_reset(with({})), std::nullopt);
}

}  // namespace
}  // namespace atelier::provider
