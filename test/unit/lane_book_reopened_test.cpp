// What the worker does when somebody changes the table of lanes.

#include "postgres/lane_book.hpp"

#include <gtest/gtest.h>

namespace atelier::postgres {
namespace {

constexpr std::int32_t lane_id = 7;
const char* const learned_rate = R"({"requests":{"count":40,"window_ms":3660000,"told":false},"in_flight":4})";

LaneRow row(const char* gate, const char* learned) {
    LaneRow row;
    row.lane = lane_id;
    row.limits = {32, true, {}};
    row.gate = gate;
    row.learned = learned;
    return row;
}

// A book and its clock.
struct Book {
    LaneBook lanes;
    Moment at{core::Instant{}, 0};

    void read(const char* gate, const char* learned) { lanes.read({row(gate, learned)}, at); }
    // What was written, as it was.
    std::vector<LaneRecord> record() {
        at.now += std::chrono::seconds{1};
        at.wall_us += 1'000'000;
        auto records = lanes.to_record(at);
        lanes.recorded(records, records.empty() ? std::vector<std::int32_t>{} : std::vector{lane_id}, at.now);
        return records;
    }
    std::int32_t room() const { return lanes.room(lane_id, 1000, at.now); }
};

TEST(LaneBook, WhoeverRemovesALearnedRateOpensTheLane) {
    Book book;
    book.read("open", learned_rate);
    EXPECT_EQ(book.room(), 0) << "its window counts as used up";
    book.read("open", learned_rate);
    EXPECT_EQ(book.room(), 0) << "another change of the table leaves it alone";
    book.read("open", "{}");
    EXPECT_EQ(book.room(), 1);
    const auto records = book.record();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_STREQ(records[0].gate, "opening");
    EXPECT_EQ(records[0].learned.find("requests"), std::string::npos) << records[0].learned;
}

TEST(LaneBook, WhoeverOpensARestingLaneEndsItsRate) {
    Book book;
    book.read("open", "{}");
    for (int i = 0; i < 40; ++i)
        book.lanes.ended(lane_id, book.lanes.begun(lane_id, book.at.now), {}, book.at.now);
    core::Pace refused;
    refused.kind = core::PaceKind::rate_limited;
    refused.retry_after = std::chrono::hours{1};
    book.lanes.ended(lane_id, book.lanes.begun(lane_id, book.at.now), refused, book.at.now);
    auto records = book.record();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_STREQ(records[0].gate, "resting");
    EXPECT_EQ(book.room(), 0);
    book.read("open", "{}");
    EXPECT_EQ(book.room(), 1);
    EXPECT_STREQ(book.record().at(0).gate, "opening");
}

TEST(LaneBook, WhoeverResumesALaneEndsARestThatWasNotWrittenYet) {
    Book book;
    book.read("open", "{}");
    core::Pace refused;
    refused.kind = core::PaceKind::rate_limited;
    refused.retry_after = std::chrono::hours{1};
    book.lanes.ended(lane_id, book.lanes.begun(lane_id, book.at.now), refused, book.at.now);
    book.read("open", "{}");
    EXPECT_EQ(book.room(), 0) << "another change of the table leaves it alone";
    LaneRow resumed = row("open", "{}");
    resumed.resumes = 1;
    book.lanes.read({resumed}, book.at);
    EXPECT_EQ(book.room(), 1);
    const auto records = book.record();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_STREQ(records[0].gate, "opening");
    EXPECT_EQ(records[0].resumes, 1);
}

TEST(LaneBook, WhatSomebodyTookFromTheTableIsWrittenAgain) {
    Book book;
    LaneRow careful = row("open", R"({"in_flight":4})");
    careful.limits.trusted = false;
    book.lanes.read({careful}, book.at);
    EXPECT_TRUE(book.record().empty());
    careful.learned = "{}";
    book.lanes.read({careful}, book.at);
    EXPECT_EQ(book.room(), 4) << "in flight alone is no reason to begin with one";
    const auto records = book.record();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].learned, R"({"in_flight":4})");
}

}  // namespace
}  // namespace atelier::postgres
