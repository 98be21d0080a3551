#include "core/redact.hpp"

#include <gtest/gtest.h>

namespace atelier::core {
namespace {

const std::string secret = "sk-test-0123456789abcdef";

TEST(Redact, TakesOutEachOccurrence) {
    EXPECT_EQ(redact("wrong key " + secret + ", really " + secret + "!", secret),
              "wrong key [redacted], really [redacted]!");
    EXPECT_EQ(redact(secret, secret), "[redacted]");
    EXPECT_EQ(redact("nothing here", secret), "nothing here");
}

TEST(Redact, TakesOutABeginningThatAMessageWasCutIn) {
    for (std::size_t length = 8; length <= secret.size(); ++length)
        EXPECT_EQ(redact("key: " + secret.substr(0, length), secret), "key: [redacted]") << length;
    EXPECT_EQ(redact("(sk-test-0123)", secret), "([redacted])");
    EXPECT_EQ(redact("sk-test***cdef", secret), "sk-test***cdef");
}

TEST(Redact, ShortAndEmptySecrets) {
    EXPECT_EQ(redact("a abc b", "abc"), "a [redacted] b");
    EXPECT_EQ(redact("text", ""), "text");
    EXPECT_EQ(redact("", "abc"), "");
}

TEST(Redact, NoWholeSecretIsLeftWhereBeginningsOverlap) {
    const std::string repeated = "aaaaaaaaaaab";
    EXPECT_EQ(redact("aaaaaaaaaaaaaaab", repeated).find(repeated), std::string::npos);
}

}  // namespace
}  // namespace atelier::core
