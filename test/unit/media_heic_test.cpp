// Photos in HEIC as telephones write them: grids of tiles, cropped and turned by their container.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/image_dimensions.hpp"
#include "heif_samples.hpp"
#include "media/inspect.hpp"
#include "media_samples.hpp"

namespace atelier::media {
namespace {

const heif_samples::Photo grid{.columns = 3, .rows = 2, .width = 190, .height = 120};

core::Json inspected(const std::string& bytes, const Limits& limits = {}) {
    samples::start();
    return inspect(bytes, limits);
}

std::string refusal(const std::string& bytes, const Limits& limits = {}) {
    const core::Json report = inspected(bytes, limits);
    EXPECT_EQ(report.value("ok", true), false) << report.dump();
    return report.value("message", "");
}

void expect_size(const heif_samples::Photo& photo, int width, int height) {
    const std::string bytes = heif_samples::file(photo);
    const core::Json report = inspected(bytes);
    ASSERT_EQ(report.value("ok", false), true) << report.dump();
    EXPECT_EQ(report["mime"], "image/heic");
    EXPECT_EQ(report["width"], width);
    EXPECT_EQ(report["height"], height);
    // Two readers that know nothing of each other.
    const auto size = core::read_image_dimensions(bytes);
    ASSERT_TRUE(size && size->whole);
    EXPECT_EQ(size->width, report["width"]);
    EXPECT_EQ(size->height, report["height"]);
}

TEST(MediaHeic, IsMeasuredAsItIsShown) {
    expect_size({}, 64, 64);
    expect_size({.brands = std::string("mif1\0\0\0\0mif1heic", 16)}, 64, 64);
    expect_size(grid, 190, 120);
    heif_samples::Photo photo = grid;
    photo.quarter_turns = 1;
    expect_size(photo, 120, 190);
    // Telephones say it twice; it is turned once.
    photo.exif_orientation = 8;
    expect_size(photo, 120, 190);
    photo.cropped_width = 100;
    photo.cropped_height = 50;
    expect_size(photo, 50, 100);
}

char name_of(const Rgb& color) {
    if (color.r > 1.5F * std::max(color.g, color.b)) return 'r';
    if (color.g > 1.5F * std::max(color.r, color.b)) return 'g';
    return color.b > 1.5F * std::max(color.r, color.g) ? 'b' : '.';
}

std::string tiles_of(const heif_samples::Photo& photo, int columns, int rows) {
    samples::start();
    const auto decoded = read_photo(heif_samples::file(photo), 1000);
    std::string names;
    for (int row = 0; decoded && row < rows; ++row) {
        for (int column = 0; column < columns; ++column)
            names += name_of(decoded->color(64 * column + 32, 64 * row + 32));
        names += '/';
    }
    return names;
}

TEST(MediaHeic, EachTileIsInItsPlace) {
    heif_samples::Photo photo{.columns = 3, .rows = 2, .width = 192, .height = 128};
    EXPECT_EQ(tiles_of(photo, 3, 2), "rgr/b.b/");
    photo.quarter_turns = 3;
    photo.exif_orientation = 6;
    EXPECT_EQ(tiles_of(photo, 2, 3), "br/.g/br/");
}

TEST(MediaHeic, IsRefusedWhereverItIsCut) {
    const std::string whole = heif_samples::file(grid);
    for (std::size_t length = 32; length < whole.size(); ++length)
        ASSERT_EQ(refusal(whole.substr(0, length)), "the file is cut short or damaged") << length;
}

TEST(MediaHeic, IsHeldToTheLimitsBeforeAnyPixel) {
    // Of such a size only by its own account: there is one tile, not 15,625.
    heif_samples::Photo photo{.columns = 1, .rows = 1, .width = 8000, .height = 8000};
    EXPECT_EQ(refusal(heif_samples::file(photo)), "8000 x 8000 pixels are more than the 50000000 allowed");
    photo.height = 79;
    EXPECT_EQ(refusal(heif_samples::file(photo)),
              "8000 x 79 pixels: the longer side is more than 100 times the shorter");
    EXPECT_EQ(refusal(heif_samples::file(grid), {1'000'000, 190 * 120 - 1}),
              "190 x 120 pixels are more than the 22799 allowed");
    expect_size({.columns = 100, .rows = 1, .width = 6400, .height = 64}, 6400, 64);
}

TEST(MediaHeic, HasThePixelsOfThePng) {
    samples::start();
    const auto one = read_photo(samples::file(400, 300, samples::disc_on_plain, ".heic[Q=90]"), 100);
    const auto other = read_photo(samples::product_file(), 100);
    ASSERT_TRUE(one.ok() && other.ok());
    ASSERT_EQ(one->color.size(), other->color.size());
    for (std::size_t i = 0; i < one->color.size(); ++i)
        EXPECT_LT(distance(to_lab(one->color.cells()[i]), to_lab(other->color.cells()[i])), 4.0F) << i;
}

}  // namespace
}  // namespace atelier::media
