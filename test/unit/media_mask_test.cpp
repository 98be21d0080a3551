// Cutting a product out: plain and alpha backgrounds, holes, halos; what is left whole.
#include "media/mask.hpp"

#include <gtest/gtest.h>

#include <numbers>

#include "media_samples.hpp"

namespace atelier::media {
namespace {

double covered(const Mask& cover) {
    double sum = 0;
    for (const float value : cover.cells())
        sum += static_cast<double>(value);
    return sum;
}

constexpr double disc_area = std::numbers::pi * 90 * 90;

TEST(MediaMask, CutsFromAPlainBackground) {
    const Extraction result = extract_product(samples::painted(400, 300, samples::disc_on_plain), {});
    ASSERT_EQ(result.background, Background::plain);
    EXPECT_NEAR(result.product.cover.width(), 182, 4);
    EXPECT_NEAR(result.product.cover.height(), 182, 4);
    EXPECT_NEAR(covered(result.product.cover), disc_area, 0.02 * disc_area);
    EXPECT_FLOAT_EQ(result.product.cover(0, 0), 0);
}

TEST(MediaMask, LeavesNoHaloOfTheBackground) {
    const Extraction result = extract_product(samples::painted(400, 300, samples::disc_on_plain), {});
    ASSERT_EQ(result.background, Background::plain);
    const float product = luminance({to_linear(0.30F), to_linear(0.12F), to_linear(0.10F)});
    for (std::size_t i = 0; i < result.product.cover.size(); ++i) {
        if (result.product.cover.cells()[i] < 0.1F) continue;
        EXPECT_LT(luminance(result.product.color.cells()[i]), product + 0.12F);
    }
}

TEST(MediaMask, OpensAHole) {
    const auto ring = [](int x, int y) {
        const float off = std::hypot(static_cast<float>(x) - 200, static_cast<float>(y) - 150);
        return off > 30 && off < 90 ? Rgb{0.2F, 0.3F, 0.2F} : Rgb{0.97F, 0.97F, 0.97F};
    };
    const Extraction result = extract_product(samples::painted(400, 300, ring), {});
    ASSERT_EQ(result.background, Background::plain);
    const Mask& cover = result.product.cover;
    EXPECT_LT(cover(cover.width() / 2, cover.height() / 2), 0.05F);
    EXPECT_GT(cover(cover.width() / 2, 20), 0.95F);
}

TEST(MediaMask, KeepsALargeWhiteAreaInsideTheProduct) {
    // A screen as white as the background is no hole.
    const auto phone = [](int x, int y) {
        const bool body = x > 120 && x < 280 && y > 30 && y < 270;
        const bool screen = x > 128 && x < 272 && y > 45 && y < 255;
        return body && !screen ? Rgb{0.1F, 0.1F, 0.1F} : Rgb{0.98F, 0.98F, 0.98F};
    };
    const Extraction result = extract_product(samples::painted(400, 300, phone), {});
    ASSERT_EQ(result.background, Background::plain);
    const Mask& cover = result.product.cover;
    EXPECT_GT(cover(cover.width() / 2, cover.height() / 2), 0.95F);
}

TEST(MediaMask, TakesTheShadowForAShadow) {
    const auto shadowed = [](int x, int y) {
        const Rgb base = samples::disc_on_plain(x, y);
        const float below = std::hypot((static_cast<float>(x) - 200) / 120, (static_cast<float>(y) - 245) / 26);
        return base.r > 0.8F ? base * (0.80F + 0.20F * smoothstep(0.0F, 1.0F, below)) : base;
    };
    const Extraction result = extract_product(samples::painted(400, 300, shadowed), {});
    ASSERT_EQ(result.background, Background::plain);
    EXPECT_NEAR(covered(result.product.cover), disc_area, 0.05 * disc_area);
}

TEST(MediaMask, KeepsAGreyProductThatResemblesAShadow) {
    const auto silver = [](int x, int y) {
        const bool body = x > 110 && x < 290 && y > 40 && y < 250;
        return body ? Rgb{0.70F, 0.71F, 0.72F} * (y < 140 ? 0.3F : 1.0F) : Rgb{0.98F, 0.98F, 0.98F};
    };
    const Extraction result = extract_product(samples::painted(400, 300, silver), {});
    ASSERT_EQ(result.background, Background::plain);
    EXPECT_NEAR(covered(result.product.cover), 179 * 209, 0.03 * 179 * 209);
}

TEST(MediaMask, UsesTheCoverOfTheFile) {
    const Picture photo = samples::painted(200, 200, samples::busy);
    Mask alpha(200, 200);
    for (int y = 50; y < 150; ++y) {
        for (int x = 60; x < 140; ++x)
            alpha(x, y) = 1;
    }
    const Extraction result = extract_product(photo, alpha);
    ASSERT_EQ(result.background, Background::alpha);
    EXPECT_EQ(result.product.cover.width(), 82);
    EXPECT_EQ(result.product.cover.height(), 102);
}

TEST(MediaMask, LeavesAPhotoWithoutPlainBackgroundWhole) {
    EXPECT_EQ(extract_product(samples::painted(400, 300, samples::busy), {}).background, Background::framed);
}

TEST(MediaMask, FindsNothingOnAnEmptyBackground) {
    const auto nothing = [](int, int) { return Rgb{0.9F, 0.9F, 0.9F}; };
    EXPECT_EQ(extract_product(samples::painted(200, 200, nothing), {}).background, Background::framed);
    EXPECT_EQ(extract_product(samples::painted(1, 1, nothing), {}).background, Background::framed);
    EXPECT_EQ(extract_product(samples::painted(3, 400, nothing), {}).background, Background::framed);
}

TEST(MediaMask, LeavesAProductWholeThatTheBorderCutsOff) {
    const auto cut = [](int x, int) { return x > 150 && x < 290 ? Rgb{0.3F, 0.1F, 0.1F} : Rgb{0.95F, 0.95F, 0.95F}; };
    EXPECT_EQ(extract_product(samples::painted(400, 300, cut), {}).background, Background::framed);
}

}  // namespace
}  // namespace atelier::media
