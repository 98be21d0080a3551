// The picture that the offline provider makes: repeatable, moved by its settings, honest about itself.
#include "media/compose.hpp"

#include <gtest/gtest.h>

#include "media/frame.hpp"
#include "media/inspect.hpp"
#include "media/render.hpp"
#include "media_samples.hpp"

namespace atelier::media {
namespace {

core::Json base_settings() {
    return {{"roomType", "living_room"},  {"style", "scandinavian"},      {"lighting", "natural"},
            {"colorScheme", "neutral"},   {"cameraAngle", "eye_level"},   {"aspectRatio", "4:3"},
            {"surroundings", ""},         {"props", core::Json::array()}, {"varietyLevel", 5},
            {"matchProductColors", false}};
}

Composition composed(const std::string& product, const core::Json& settings, const std::string& inspiration = "") {
    samples::start();
    auto made = compose(product, inspiration, read_settings(settings, "a ceramic vase"), {});
    EXPECT_TRUE(made.ok());
    return made.ok() ? std::move(*made) : Composition{};
}

double mean_difference(const std::string& one, const std::string& other) {
    const auto a = read_photo(one, 64);
    const auto b = read_photo(other, 64);
    if (a->color.size() != b->color.size()) return 1;
    double sum = 0;
    for (std::size_t i = 0; i < a->color.size(); ++i) {
        sum += static_cast<double>(distance(to_lab(a->color.cells()[i]), to_lab(b->color.cells()[i])));
    }
    return sum / static_cast<double>(a->color.size());
}

TEST(MediaCompose, SameInputGivesSameBytes) {
    const std::string product = samples::product_file();
    EXPECT_EQ(composed(product, base_settings()).jpeg, composed(product, base_settings()).jpeg);
}

TEST(MediaCompose, EachSettingThatCountsChangesThePicture) {
    const std::string product = samples::product_file();
    const Composition first = composed(product, base_settings());
    const std::pair<const char*, const char*> changes[] = {{"roomType", "kitchen"},
                                                           {"style", "industrial"},
                                                           {"lighting", "evening"},
                                                           {"colorScheme", "vibrant"},
                                                           {"cameraAngle", "high"}};
    for (const auto& [name, value] : changes) {
        core::Json settings = base_settings();
        settings[name] = value;
        // To the eye, not just to a hash: a difference of 2 is seen side by side.
        EXPECT_GT(mean_difference(first.jpeg, composed(product, settings).jpeg), 2.0) << name;
    }
}

TEST(MediaCompose, SurroundingsNameTheMaterials) {
    const std::string product = samples::product_file();
    core::Json settings = base_settings();
    const Composition plain = composed(product, settings);
    settings["surroundings"] = "brick wall, marble top";
    EXPECT_GT(mean_difference(plain.jpeg, composed(product, settings).jpeg), 2.0);
}

TEST(MediaCompose, AspectRatioIsThatOfTheSettings) {
    const std::string product = samples::product_file();
    const std::pair<const char*, double> ratios[] = {{"1:1", 1},       {"4:3", 4.0 / 3}, {"3:4", 0.75},
                                                     {"3:2", 1.5},     {"2:3", 2.0 / 3}, {"16:9", 16.0 / 9},
                                                     {"9:16", 0.5625}, {"4:5", 0.8},     {"5:4", 1.25}};
    for (const auto& [word, ratio] : ratios) {
        core::Json settings = base_settings();
        settings["aspectRatio"] = word;
        const Composition made = composed(product, settings);
        EXPECT_NEAR(static_cast<double>(made.width) / made.height, ratio, 0.01) << word;
        EXPECT_GE(std::max(made.width, made.height), 1024);
        EXPECT_LE(std::max(made.width, made.height), 1280);
        const core::Json report = inspect(made.jpeg, {});
        EXPECT_EQ(report["mime"], "image/jpeg");
        EXPECT_EQ(report["width"], made.width);
        EXPECT_EQ(report["height"], made.height);
    }
}

TEST(MediaCompose, SaysWhatItIsAndWhatItDid) {
    const core::Json plain = composed(samples::product_file(), base_settings()).metadata;
    EXPECT_EQ(plain["generator"], "offline");
    EXPECT_EQ(plain["background"], "plain");
    EXPECT_EQ(plain["scene"], "derived");
    EXPECT_EQ(plain["light"], "natural");
    ASSERT_GE(plain["palette"].size(), 2U);
    for (const auto& color : plain["palette"])
        EXPECT_EQ(color.get<std::string>().size(), 7U);

    EXPECT_EQ(composed(samples::busy_file(), base_settings()).metadata["background"], "framed");

    const auto disc = [](int x, int y) { return std::hypot(x - 100, y - 100) < 60 ? 1.0F : 0.0F; };
    const std::string with_alpha = samples::file(200, 200, samples::busy, ".png", disc);
    EXPECT_EQ(composed(with_alpha, base_settings()).metadata["background"], "alpha");
}

TEST(MediaCompose, ShowsTheFramedPhoto) {
    const auto red = [](int x, int y) { return samples::busy(x, y) * Rgb{1, 0.05F, 0.05F}; };
    const std::string framed_red = composed(samples::file(400, 300, red, ".png"), base_settings()).jpeg;
    const auto picture = read_photo(framed_red, 64);
    const Rgb middle = picture->color(32, 20);
    EXPECT_GT(middle.r, 3 * middle.g);
}

TEST(MediaCompose, TakesTheSceneFromAnInspirationPhoto) {
    const std::string product = samples::product_file();
    const auto blue = [](int x, int y) { return samples::busy(x, y) * Rgb{0.05F, 0.1F, 1}; };
    core::Json settings = base_settings();
    settings["roomType"] = "outdoor";
    const Composition made = composed(product, settings, samples::file(300, 200, blue, ".jpg"));
    EXPECT_EQ(made.metadata["scene"], "photo");
    const auto picture = read_photo(made.jpeg, 64);
    const Rgb above = picture->color(6, 6);
    EXPECT_GT(above.b, 2 * above.r);
}

TEST(MediaCompose, CarriesNoMetadataOfTheInput) {
    const std::string product = samples::file(400, 300, samples::disc_on_plain, ".jpg", nullptr, 1);
    ASSERT_NE(product.find("Exif"), std::string::npos);
    const std::string jpeg = composed(product, base_settings()).jpeg;
    EXPECT_EQ(jpeg.find("Exif"), std::string::npos);
    EXPECT_EQ(jpeg.find("ICC_PROFILE"), std::string::npos);
    EXPECT_EQ(jpeg.find("http"), std::string::npos);
}

TEST(MediaCompose, FallsBackCalmlyOnUnknownSettings) {
    const std::string product = samples::product_file();
    const core::Json odd = {{"roomType", "spaceship"}, {"style", 7},      {"aspectRatio", "7:1"},
                            {"varietyLevel", "many"},  {"props", "none"}, {"matchProductColors", nullptr},
                            {"another", {1, 2}}};
    const Composition made = composed(product, odd);
    EXPECT_EQ(made.width, made.height);
    EXPECT_FALSE(composed(product, core::Json::object()).jpeg.empty());
    core::Json extreme = base_settings();
    extreme["varietyLevel"] = 1e300;
    EXPECT_FALSE(composed(product, extreme).jpeg.empty());
}

TEST(MediaCompose, TakesPicturesOfAnyShape) {
    for (const auto& [width, height] : {std::pair{1, 1}, {100, 1}, {1, 100}, {9, 900}, {900, 9}, {9, 9}}) {
        const std::string odd = samples::file(width, height, samples::busy, ".png");
        EXPECT_FALSE(composed(odd, base_settings()).jpeg.empty()) << width << "x" << height;
        EXPECT_FALSE(composed(samples::product_file(), base_settings(), odd).jpeg.empty()) << width << "x" << height;
    }
}

TEST(MediaCompose, RefusesStrips) {
    samples::start();
    const auto message_for = [](const std::string& product, const std::string& inspiration) {
        const auto made = compose(product, inspiration, read_settings(base_settings(), ""), {});
        return made.ok() ? "composed" : made.error().message;
    };
    for (const auto& [width, height] : {std::pair{1000, 1}, {1, 1000}, {101, 1}, {1, 101}}) {
        const std::string strip = samples::file(width, height, samples::busy, ".png");
        const std::string expected = std::to_string(width) + " x " + std::to_string(height) +
                                     " pixels: the longer side is more than 100 times the shorter";
        EXPECT_EQ(message_for(strip, ""), expected);
        EXPECT_EQ(message_for(samples::product_file(), strip), expected);
    }
}

// Stands even where read_header() would let it through.
TEST(MediaCompose, HangsAPhotoThatShrinksToLessThanAPixelAcross) {
    samples::start();
    for (const auto& [width, height] : {std::pair{1000, 1}, {1, 1000}, {1, 1}, {100, 1}}) {
        const Picture photo = samples::painted(width, height, samples::busy);
        const Scene scene = derive_scene(read_settings(base_settings(), "a ceramic vase"),
                                         {width, height, Rgb{0.5F, 0.5F, 0.5F}, true}, {});
        Picture picture(scene.width, scene.height, Rgb{0.5F, 0.5F, 0.5F});
        hang_photo(scene, photo, picture);
        for (const Rgb color : picture.cells()) {
            ASSERT_TRUE(std::isfinite(color.r + color.g + color.b)) << width << "x" << height;
        }
    }
}

TEST(MediaCompose, RefusesADamagedInspiration) {
    samples::start();
    const std::string whole = samples::busy_file();
    const auto made = compose(samples::product_file(), std::string_view(whole).substr(0, whole.size() / 2),
                              read_settings(base_settings(), ""), {});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().message, "the file is cut short or damaged");
}

}  // namespace
}  // namespace atelier::media
