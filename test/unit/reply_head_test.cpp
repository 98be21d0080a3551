#include "executor/reply_head.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "executor/reply_budget.hpp"

namespace atelier::executor {
namespace {

using Taken = ReplyHead::Taken;

// What became of the last of these lines.
Taken take(ReplyHead& head, const std::vector<std::string>& lines) {
    Taken taken = Taken::ok;
    for (const std::string& line : lines)
        if (taken == Taken::ok) taken = head.take(line);
    return taken;
}

TEST(ReplyHead, KeepsFieldsInOrderWithNamesInLowerCase) {
    ReplyHead head(1000);
    ASSERT_EQ(take(head, {"HTTP/1.1 200 OK\r\n", "X-B:  two words \r\n", "X-A: 1\r\n", "x-b:\r\n", "\r\n"}), Taken::ok);
    EXPECT_EQ(head.status(), 200);
    const ReplyHead::Fields expected = {{"x-b", "two words"}, {"x-a", "1"}, {"x-b", ""}};
    EXPECT_EQ(head.fields(), expected);
    EXPECT_EQ(head.content_length(), std::nullopt);
}

TEST(ReplyHead, InterimRepliesAreForgotten) {
    ReplyHead head(1000);
    ASSERT_EQ(take(head, {"HTTP/1.1 103 Hints\r\n", "Link: a\r\n", "Content-Length: 3\r\n", "\r\n"}), Taken::ok);
    EXPECT_EQ(head.status(), 0);
    ASSERT_EQ(take(head, {"HTTP/1.1 429 Slow\r\n", "A: b\r\n", "\r\n"}), Taken::ok);
    EXPECT_EQ(head.status(), 429);
    EXPECT_EQ(head.fields().size(), 1U);
    EXPECT_EQ(head.content_length(), std::nullopt);
}

TEST(ReplyHead, TrailersAreLeftOutButCounted) {
    ReplyHead head(60);
    ASSERT_EQ(take(head, {"HTTP/1.1 200 OK\r\n", "A: b\r\n", "\r\n", "Content-Length: 7\r\n"}), Taken::ok);
    EXPECT_EQ(head.fields().size(), 1U);
    EXPECT_EQ(head.content_length(), std::nullopt);
    EXPECT_EQ(head.take("X-Late: 0123456789012345678901234567890123456789\r\n"), Taken::too_long);
}

TEST(ReplyHead, FoldedLinesGoOnWithTheirField) {
    ReplyHead head(1000);
    ASSERT_EQ(take(head, {"HTTP/1.1 200 OK\r\n", " early\r\n", "A: one\r\n", "\t two\r\n", "\r\n"}), Taken::ok);
    const ReplyHead::Fields expected = {{"a", "one two"}};
    EXPECT_EQ(head.fields(), expected);
}

TEST(ReplyHead, ContentLengthIsOneNumber) {
    const std::string status = "HTTP/1.1 200 OK";
    for (const char* value : {"-1", "+1", "1x", "0x10", "1, 1", "", "99999999999999999999999"}) {
        ReplyHead head(1000);
        EXPECT_EQ(take(head, {status, "Content-Length: " + std::string(value)}), Taken::bad_framing) << value;
    }
    ReplyHead twice(1000);
    EXPECT_EQ(take(twice, {status, "Content-Length: 7", "content-length: 7"}), Taken::ok);
    EXPECT_EQ(twice.content_length(), 7U);
    EXPECT_EQ(twice.take("Content-Length: 8"), Taken::bad_framing);
}

TEST(ReplyHead, StatusesThatAreNone) {
    for (const char* line : {"HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 abc", "HTTP/1.1 -1 x", "HTTP/1.1 0 x"}) {
        ReplyHead head(1000);
        EXPECT_EQ(head.take(line), Taken::ok);
        EXPECT_EQ(head.status(), 0) << line;
    }
}

TEST(ReplyHead, BytesAndFieldsAreBounded) {
    ReplyHead bytes(100);
    EXPECT_EQ(take(bytes, {"HTTP/1.1 200 OK", "A: " + std::string(81, 'x')}), Taken::ok);
    EXPECT_EQ(bytes.take("B: x"), Taken::too_long);
    ReplyHead fields(1'000'000);
    std::vector<std::string> lines(ReplyHead::max_fields, "A: b");
    lines.front() = "HTTP/1.1 200 OK";
    EXPECT_EQ(take(fields, lines), Taken::ok);
    EXPECT_EQ(fields.take("A: b"), Taken::too_long);
}

TEST(ReplyBudget, WhenItIsUsedUpOnlyTheOldestThatHoldsSomethingReadsOn) {
    ReplyBudget budget(100);
    EXPECT_TRUE(budget.may_hold(2, 1000));
    budget.hold(2, 60);
    EXPECT_TRUE(budget.may_hold(3, 40));
    EXPECT_FALSE(budget.may_hold(3, 41));
    budget.hold(3, 40);
    EXPECT_FALSE(budget.may_hold(3, 1));
    EXPECT_FALSE(budget.may_hold(4, 1));
    EXPECT_TRUE(budget.may_hold(2, 1));
    EXPECT_TRUE(budget.may_hold(1, 1));
    budget.hold(1, 500);
    EXPECT_FALSE(budget.may_hold(2, 1));
    budget.release(1);
    budget.release(1);
    EXPECT_EQ(budget.held(), 100U);
    budget.release(2);
    EXPECT_TRUE(budget.may_hold(4, 60));
    budget.release(3);
    EXPECT_EQ(budget.held(), 0U);
}

}  // namespace
}  // namespace atelier::executor
