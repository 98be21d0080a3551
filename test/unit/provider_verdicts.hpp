#pragma once
// Shorthand for tests that judge answers.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "provider/base64.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {

struct Answer {
    int status = 200;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers = {};
};

inline Verdict judged(Kind kind, Task task, const Answer& answer) {
    return judge(kind, task, {answer.status, answer.headers, answer.body});
}

// "made", or the class of the error.
inline std::string outcome(const Verdict& verdict) {
    return verdict.made ? "made" : std::string(core::to_string(verdict.made.error().cls));
}

inline std::string message(const Verdict& verdict) {
    return verdict.made ? "" : verdict.made.error().message;
}

inline std::map<std::string, std::uint64_t> usage_of(const Verdict& verdict) {
    std::map<std::string, std::uint64_t> usage;
    for (const Usage& each : verdict.usage) {
        EXPECT_EQ(usage.count(each.unit), 0U) << each.unit;
        usage[each.unit] = each.quantity;
    }
    return usage;
}

// What holds of every verdict.
inline void expect_storable(const Verdict& verdict) {
    if (!verdict.made) {
        EXPECT_FALSE(message(verdict).empty());
        EXPECT_LE(message(verdict).size(), 600U);
        EXPECT_TRUE(core::is_storable_text(message(verdict))) << message(verdict);
    } else {
        EXPECT_TRUE(core::is_storable_text(verdict.made->text));
    }
    EXPECT_TRUE(core::is_storable_text(verdict.model));
    for (const Usage& each : verdict.usage)
        EXPECT_TRUE(each.quantity > 0 && each.quantity <= INT64_MAX) << each.unit;
    if (verdict.retry_after) {
        EXPECT_GE(verdict.retry_after->count(), 0);
        EXPECT_LE(*verdict.retry_after, core::Milliseconds(std::chrono::hours(24)));
    }
}

inline std::string base64_of(std::string_view bytes) {
    std::string text;
    append_base64(text, bytes);
    return text;
}

}  // namespace atelier::provider
