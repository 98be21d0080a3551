#include "wire/pace_frame.hpp"

#include <gtest/gtest.h>

#include <random>

namespace atelier::wire {
namespace {

using core::Axis;
using core::AxisLimit;
using core::Milliseconds;
using core::Pace;
using core::PaceKind;

Pace full_pace() {
    Pace pace;
    pace.kind = PaceKind::rate_limited;
    pace.retry_after = Milliseconds{57'250};
    pace.daily = true;
    pace.tokens = 1'234'567;
    pace.images = 2;
    pace.limits.push_back({Axis::requests, 60, 0, Milliseconds{57'000}, Milliseconds{60'000}});
    pace.limits.push_back({Axis::tokens, 150'000, std::nullopt, std::nullopt, std::nullopt});
    pace.limits.push_back({Axis::images, std::nullopt, 7, Milliseconds{0}, std::nullopt});
    return pace;
}

void expect_same(const Pace& a, const Pace& b) {
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.retry_after, b.retry_after);
    EXPECT_EQ(a.daily, b.daily);
    EXPECT_EQ(a.tokens, b.tokens);
    EXPECT_EQ(a.images, b.images);
    ASSERT_EQ(a.limits.size(), b.limits.size());
    for (std::size_t i = 0; i < a.limits.size(); ++i) {
        EXPECT_EQ(a.limits[i].axis, b.limits[i].axis);
        EXPECT_EQ(a.limits[i].limit, b.limits[i].limit);
        EXPECT_EQ(a.limits[i].remaining, b.limits[i].remaining);
        EXPECT_EQ(a.limits[i].reset, b.limits[i].reset);
        EXPECT_EQ(a.limits[i].window, b.limits[i].window);
    }
}

TEST(PaceFrame, ComesBackAsItWas) {
    Pace unknown;
    unknown.kind = PaceKind::unknown;
    for (const Pace& pace : {Pace{}, full_pace(), unknown}) {
        const auto back = decode_pace(encode_pace(pace));
        ASSERT_TRUE(back);
        expect_same(*back, pace);
    }
}

TEST(PaceFrame, IsLaidOutAsDocumented) {
    Pace pace;
    pace.kind = PaceKind::failed;
    pace.retry_after = Milliseconds{0x0102};
    pace.images = 3;
    pace.limits.push_back({Axis::tokens, 5, std::nullopt, std::nullopt, Milliseconds{1}});
    const std::string eight_ff(8, '\xff');
    const std::string zeros(7, '\0');
    EXPECT_EQ(encode_pace(pace), std::string("\x02\x00\x01", 3) + std::string("\x02\x01\0\0\0\0\0\0", 8) +
                                     std::string(8, '\0') + "\x03" + zeros + "\x01" + "\x05" + zeros + eight_ff +
                                     eight_ff + "\x01" + zeros);
}

TEST(PaceFrame, KeepsNoMoreLimitsThanThereMayBe) {
    Pace pace;
    pace.limits.assign(core::max_axis_limits + 3, {Axis::requests, 1, 1, std::nullopt, std::nullopt});
    const auto back = decode_pace(encode_pace(pace));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->limits.size(), core::max_axis_limits);
}

TEST(PaceFrame, EveryOtherLengthIsRefused) {
    const std::string payload = encode_pace(full_pace());
    for (std::size_t length = 0; length < payload.size(); ++length)
        EXPECT_FALSE(decode_pace(std::string_view(payload).substr(0, length))) << length;
    EXPECT_FALSE(decode_pace(payload + '\0'));
}

TEST(PaceFrame, NumbersOutOfRangeAreRefused) {
    const auto with = [](auto change) {
        Pace pace = full_pace();
        change(pace);
        return decode_pace(encode_pace(pace)).has_value();
    };
    EXPECT_TRUE(with([](Pace& p) { p.retry_after = std::chrono::hours{24}; }));
    EXPECT_FALSE(with([](Pace& p) { p.retry_after = std::chrono::hours{24} + Milliseconds{1}; }));
    EXPECT_FALSE(with([](Pace& p) { p.retry_after = Milliseconds{-2}; }));
    EXPECT_FALSE(with([](Pace& p) { p.kind = static_cast<PaceKind>(5); }));
    EXPECT_FALSE(with([](Pace& p) { p.tokens = std::uint64_t{1} << 63; }));
    EXPECT_FALSE(with([](Pace& p) { p.images = ~std::uint64_t{0}; }));
    EXPECT_FALSE(with([](Pace& p) { p.limits[0].axis = static_cast<Axis>(3); }));
    EXPECT_FALSE(with([](Pace& p) { p.limits[0].window = Milliseconds{0}; }));
    EXPECT_TRUE(with([](Pace& p) { p.limits[0].window = std::chrono::hours{24 * 31}; }));
    EXPECT_FALSE(with([](Pace& p) { p.limits[0].reset = std::chrono::hours{24 * 31} + Milliseconds{1}; }));
    EXPECT_FALSE(with([](Pace& p) { p.limits[1].limit = std::uint64_t{1} << 63; }));
    std::string payload = encode_pace(full_pace());
    payload[1] = 2;
    EXPECT_FALSE(decode_pace(payload));
}

TEST(PaceFrame, WhatIsAcceptedIsWhatWouldBeWritten) {
    std::mt19937 random(7);
    const std::string good = encode_pace(full_pace());
    int accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string payload = good;
        for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes)
            payload[random() % payload.size()] = static_cast<char>(random());
        if (const auto pace = decode_pace(payload)) {
            EXPECT_EQ(encode_pace(*pace), payload);
            ++accepted;
        }
    }
    EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace atelier::wire
