// What `measure` tells of pictures whose colours and light are known, and that it tells the same of the same photo.
#include "media/measure.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "heif_samples.hpp"
#include "media/measured_words.hpp"
#include "media_samples.hpp"

namespace atelier::media {
namespace {

using core::Json;
using samples::Paint;

Json measured(const std::string& bytes) {
    samples::start();
    const Json report = measure(bytes, {});
    EXPECT_EQ(report.value("ok", false), true) << report.dump();
    return report.value("metadata", Json::object());
}

Rgb srgb(int red, int green, int blue) {
    return Rgb{static_cast<float>(red), static_cast<float>(green), static_cast<float>(blue)} * (1.0F / 255);
}

Paint plain(Rgb color) {
    return [color](int, int) { return color; };
}

float apart(const std::string& x, const std::string& y) {
    return distance(to_lab(from_hex(x)), to_lab(from_hex(y)));
}

// The parts of the width that colours take.
Paint stripes(int width, std::vector<std::pair<Rgb, float>> parts) {
    return [width, parts](int x, int) {
        float end = 0;
        for (const auto& [color, part] : parts) {
            end += part * static_cast<float>(width);
            if (static_cast<float>(x) < end) return color;
        }
        return parts.back().first;
    };
}

// A room: wall, floor and lamp, with grain. Drawn at any size.
Paint room(int width, int height, Rgb wall, Rgb floor, Rgb lamp) {
    return [=](int x, int y) {
        const float u = static_cast<float>(x) / static_cast<float>(width);
        const float v = static_cast<float>(y) / static_cast<float>(height);
        const float shade = 1 - 0.35F * std::fabs(u - 0.4F);
        const Rgb surface = v > 0.62F ? floor : wall;
        const bool is_lamp = std::hypot(u - 0.4F, v - 0.3F) < 0.12F;
        const float grain = 0.03F * (chance(5, x, y) - 0.5F);
        const Rgb color = (is_lamp ? lamp : surface) * shade;
        return Rgb{clamp01(color.r + grain), clamp01(color.g + grain), clamp01(color.b + grain)};
    };
}

TEST(MediaMeasure, TheReportIsThatOfInspect) {
    const std::string bytes = samples::busy_file();
    samples::start();
    Json report = measure(bytes, {});
    EXPECT_EQ(report.at("mime"), "image/png");
    EXPECT_EQ(report.at("width"), 400);
    EXPECT_EQ(report.at("height"), 300);
    EXPECT_EQ(report.at("size"), bytes.size());
    EXPECT_EQ(report.at("sha256").get<std::string>().size(), 64U);
    std::set<std::string> names;
    for (const auto& [name, value] : report.at("metadata").items())
        names.insert(name);
    EXPECT_EQ(names, (std::set<std::string>{"brightness", "contrast", "orientation", "colorPalette", "lighting",
                                            "colorScheme"}));
    EXPECT_EQ(measure("no picture", {}).at("class"), "invalid_request");
    EXPECT_EQ(measure(bytes.substr(0, bytes.size() / 2), {}).at("class"), "invalid_request");
}

TEST(MediaMeasure, BrightnessIsTheMeanLightness) {
    EXPECT_EQ(measured(samples::file(64, 64, plain(srgb(0, 0, 0)), ".png"))["brightness"], 0);
    EXPECT_EQ(measured(samples::file(64, 64, plain(srgb(255, 255, 255)), ".png"))["brightness"], 1);
    // L* of sRGB grey 119 is 50.
    EXPECT_NEAR(measured(samples::file(64, 64, plain(srgb(119, 119, 119)), ".png"))["brightness"].get<double>(), 0.5,
                0.003);
    const auto halves = stripes(200, {{srgb(0, 0, 0), 0.5F}, {srgb(255, 255, 255), 0.5F}});
    EXPECT_NEAR(measured(samples::file(200, 100, halves, ".png"))["brightness"].get<double>(), 0.5, 0.01);
}

TEST(MediaMeasure, ContrastIsTheSpreadOfLightness) {
    EXPECT_EQ(measured(samples::file(64, 64, plain(srgb(119, 119, 119)), ".png"))["contrast"], 0);
    const auto halves = stripes(200, {{srgb(0, 0, 0), 0.5F}, {srgb(255, 255, 255), 0.5F}});
    EXPECT_EQ(measured(samples::file(200, 100, halves, ".png"))["contrast"], 1);
    // Less than a twentieth is no spread: a lamp, a reflection.
    const auto speck = stripes(200, {{srgb(119, 119, 119), 0.97F}, {srgb(255, 255, 255), 0.03F}});
    EXPECT_LT(measured(samples::file(200, 100, speck, ".png"))["contrast"].get<double>(), 0.05);
}

TEST(MediaMeasure, ThePaletteHoldsTheColoursOfThePicture) {
    const auto flag = stripes(200, {{srgb(200, 30, 30), 0.4F}, {srgb(240, 240, 240), 0.3F}, {srgb(30, 60, 160), 0.3F}});
    const Json palette = measured(samples::file(200, 100, flag, ".png"))["colorPalette"];
    ASSERT_GE(palette.size(), 3U);
    EXPECT_LE(palette.size(), 6U);
    for (const char* color : {"#c81e1e", "#f0f0f0", "#1e3ca0"})
        EXPECT_NE(std::find(palette.begin(), palette.end(), color), palette.end()) << color << palette;
    EXPECT_EQ(measured(samples::file(64, 64, plain(srgb(18, 52, 86)), ".png"))["colorPalette"], (Json{"#123456"}));
}

// Tagged or not, with whatever profile.
TEST(MediaMeasure, ColoursAreThoseThatAreShown) {
    const auto color = plain(srgb(18, 52, 86));
    for (const char* suffix : {".png", ".png[profile=srgb]", ".jpg[Q=95]", ".webp[lossless]"}) {
        const Json palette = measured(samples::file(64, 64, color, suffix))["colorPalette"];
        ASSERT_EQ(palette.size(), 1U) << suffix;
        EXPECT_LT(apart(palette[0], "#123456"), 2) << suffix << palette;
    }
    // The same numbers mean more red where the profile says so.
    const Json wide = measured(samples::file(64, 64, plain(srgb(180, 60, 60)), ".png[profile=p3]"))["colorPalette"];
    EXPECT_GT(apart(wide[0], "#b43c3c"), 2) << wide;
}

std::string written(const vips::VImage& image, const char* suffix) {
    void* buffer = nullptr;
    std::size_t size = 0;
    image.write_to_buffer(suffix, &buffer, &size);
    std::string bytes(static_cast<const char*>(buffer), size);
    g_free(buffer);
    return bytes;
}

vips::VImage one_colour(Rgb color) {
    samples::start();
    return vips::VImage::black(64, 48)
        .new_from_image({color.r * 255.0, color.g * 255.0, color.b * 255.0})
        .copy(vips::VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
        .cast(VIPS_FORMAT_UCHAR);
}

// As from print, with the profile of its inks and without.
TEST(MediaMeasure, PicturesInInksAreMeasuredAsTheyLook) {
    const vips::VImage inks =
        one_colour(srgb(150, 90, 60)).icc_transform("cmyk", vips::VImage::option()->set("input_profile", "srgb"));
    ASSERT_EQ(inks.bands(), 4);
    ASSERT_EQ(inks.interpretation(), VIPS_INTERPRETATION_CMYK);
    for (const char* suffix : {".jpg[Q=95]", ".jpg[Q=95,strip]"}) {
        const Json measures = measured(written(inks, suffix));
        ASSERT_EQ(measures["colorPalette"].size(), 1U) << suffix << measures;
        EXPECT_LT(apart(measures["colorPalette"][0], "#965a3c"), 8) << suffix << measures;
        EXPECT_LT(measures["contrast"], 0.02) << suffix;
    }
}

TEST(MediaMeasure, SixteenBitsMeasureAsEight) {
    const auto option = [](VipsInterpretation interpretation) {
        return vips::VImage::option()->set("interpretation", interpretation);
    };
    const vips::VImage color =
        (one_colour(srgb(18, 52, 86)) * 257).cast(VIPS_FORMAT_USHORT).copy(option(VIPS_INTERPRETATION_RGB16));
    const vips::VImage grey = color.extract_band(2).copy(option(VIPS_INTERPRETATION_GREY16));
    for (const auto& [image, hex] : {std::pair(color, "#123456"), std::pair(color.bandjoin(65535), "#123456"),
                                     std::pair(grey, "#565656"), std::pair(grey.bandjoin(65535), "#565656")}) {
        const std::string bytes = written(image, ".png");
        ASSERT_EQ(vips::VImage::new_from_buffer(bytes.data(), bytes.size(), "").format(), VIPS_FORMAT_USHORT);
        EXPECT_EQ(measured(bytes)["colorPalette"], (Json{hex})) << image.bands();
    }
    const vips::VImage clear = color.bandjoin(0);
    EXPECT_EQ(measure(written(clear, ".png"), {})["class"], "invalid_request");
}

TEST(MediaMeasure, OrientationIsThatOfThePictureAsShown) {
    const std::tuple<int, int, const char*> sizes[] = {
        {400, 300, "landscape"}, {300, 400, "portrait"},  {200, 200, "square"},  {200, 190, "square"},
        {190, 200, "square"},    {200, 189, "landscape"}, {189, 200, "portrait"}};
    for (const auto& [width, height, word] : sizes) {
        EXPECT_EQ(measured(samples::file(width, height, samples::busy, ".png"))["orientation"], word)
            << width << " x " << height;
    }
    EXPECT_EQ(measured(samples::file(400, 300, samples::busy, ".jpg", nullptr, 6))["orientation"], "portrait");
}

TEST(MediaMeasure, WhatIsClearDoesNotCount) {
    const auto half = [](int x, int) { return x < 100 ? 1.0F : 0.0F; };
    const auto red_and_white = stripes(200, {{srgb(180, 40, 40), 0.5F}, {srgb(255, 255, 255), 0.5F}});
    const Json cut = measured(samples::file(200, 100, red_and_white, ".png", half));
    const Json alone = measured(samples::file(100, 100, plain(srgb(180, 40, 40)), ".png"));
    EXPECT_EQ(cut["colorPalette"].front(), alone["colorPalette"].front());
    EXPECT_NEAR(cut["brightness"].get<double>(), alone["brightness"].get<double>(), 0.02);
    const Json clear = measure(samples::file(20, 20, samples::busy, ".png", [](int, int) { return 0.0F; }), {});
    EXPECT_EQ(clear["class"], "invalid_request");
    EXPECT_EQ(clear["message"], "the picture is clear all over: nothing to measure");
}

TEST(MediaMeasure, OnePixelIsMeasured) {
    const Json one = measured(samples::file(1, 1, plain(srgb(18, 52, 86)), ".png"));
    EXPECT_EQ(one["colorPalette"], (Json{"#123456"}));
    EXPECT_EQ(one["contrast"], 0);
    EXPECT_EQ(one["orientation"], "square");
    EXPECT_EQ(one["lighting"], "unspecified");
}

TEST(MediaMeasure, GreyIsMonochrome) {
    const Paint grey = [](int x, int y) {
        const float value = chance(4, x / 5, y / 5);
        return Rgb{value, value, value};
    };
    for (const char* suffix : {".png", ".jpg"}) {
        const Json measures = measured(samples::file(200, 150, grey, suffix));
        EXPECT_EQ(measures["colorScheme"], "monochrome") << measures;
    }
    // One channel, and one with alpha.
    std::string pixels(std::size_t{64} * 48, '\x77');
    const auto one_band = vips::VImage::new_from_memory(pixels.data(), pixels.size(), 64, 48, 1, VIPS_FORMAT_UCHAR)
                              .copy(vips::VImage::option()->set("interpretation", VIPS_INTERPRETATION_B_W));
    for (const auto& image : {one_band, one_band.bandjoin(255)}) {
        void* buffer = nullptr;
        std::size_t size = 0;
        image.write_to_buffer(".png", &buffer, &size);
        const Json measures = measured(std::string(static_cast<const char*>(buffer), size));
        g_free(buffer);
        EXPECT_EQ(measures["colorPalette"], (Json{"#777777"}));
        EXPECT_EQ(measures["colorScheme"], "monochrome");
    }
}

TEST(MediaMeasure, TakesAPhotoOfATelephone) {
    const std::string photo = heif_samples::file(
        {.columns = 3, .rows = 2, .width = 150, .height = 100, .quarter_turns = 0, .exif_orientation = 1});
    samples::start();
    const Json report = measure(photo, {});
    EXPECT_EQ(report["mime"], "image/heic") << report;
    EXPECT_EQ(report["metadata"]["orientation"], report["width"] > report["height"] ? "landscape" : "portrait");
}

struct Room {
    const char* lighting;
    const char* scheme;
    Rgb wall;
    Rgb floor;
    Rgb lamp;
};

const Room rooms[] = {
    {"golden_hour", "warm", srgb(226, 160, 110), srgb(222, 168, 128), srgb(255, 200, 150)},
    {"morning", "warm", srgb(236, 214, 186), srgb(214, 178, 140), srgb(255, 248, 235)},
    {"evening", "cool", srgb(38, 52, 92), srgb(26, 34, 64), srgb(90, 110, 160)},
    {"studio", "neutral", srgb(240, 236, 228), srgb(226, 221, 212), srgb(255, 255, 255)},
    {"soft", "neutral", srgb(168, 164, 158), srgb(142, 139, 134), srgb(190, 186, 180)},
};

TEST(MediaMeasure, LightAndColoursHaveTheirWords) {
    for (const Room& r : rooms) {
        const Json measures = measured(samples::file(480, 360, room(480, 360, r.wall, r.floor, r.lamp), ".png"));
        EXPECT_EQ(measures["lighting"], r.lighting) << measures;
        EXPECT_EQ(measures["colorScheme"], r.scheme) << measures;
    }
}

void expect_alike(const Json& x, const Json& y, const std::string& what) {
    for (const char* word : {"orientation", "lighting", "colorScheme"})
        EXPECT_EQ(x.at(word), y.at(word)) << what << x << y;
    for (const char* number : {"brightness", "contrast"})
        EXPECT_NEAR(x.at(number).get<double>(), y.at(number).get<double>(), 0.03) << what << number;
    // The first three of either are among the colours of the other, as near as colours that count as one.
    for (const auto& [one, other] : {std::pair(x, y), std::pair(y, x)}) {
        const Json& palette = one.at("colorPalette");
        for (std::size_t i = 0; i < std::min<std::size_t>(3, palette.size()); ++i) {
            float nearest = 100;
            for (const Json& color : other.at("colorPalette"))
                nearest = std::min(nearest, apart(palette[i], color));
            EXPECT_LT(nearest, 16) << what << palette[i] << other.at("colorPalette");
        }
    }
}

TEST(MediaMeasure, TheSamePhotoMeasuresTheSameAtAnySizeAndInAnyFormat) {
    for (const Room& r : rooms) {
        const auto at = [&](int width, int height, const char* suffix) {
            return measured(samples::file(width, height, room(width, height, r.wall, r.floor, r.lamp), suffix));
        };
        const Json reference = at(800, 600, ".png");
        expect_alike(reference, at(800, 600, ".jpg[Q=90]"), "jpeg ");
        expect_alike(reference, at(800, 600, ".jpg[Q=50]"), "a poor jpeg ");
        expect_alike(reference, at(800, 600, ".webp"), "webp ");
        expect_alike(reference, at(1600, 1200, ".jpg"), "larger ");
        expect_alike(reference, at(320, 240, ".png"), "smaller ");
        expect_alike(reference, at(160, 120, ".png"), "small ");
    }
}

TEST(MeasuredWords, SchemesFollowTheRulesOfTheHeader) {
    const auto scheme = [](std::vector<std::pair<const char*, float>> colors) {
        std::vector<Lab> all;
        for (const auto& [hex, share] : colors)
            all.insert(all.end(), static_cast<std::size_t>(std::lround(share * 100)), to_lab(from_hex(hex)));
        return std::string(color_scheme_word(all));
    };
    EXPECT_EQ(scheme({}), "unspecified");
    EXPECT_EQ(scheme({{"#8e8e8d", 0.5F}, {"#222222", 0.5F}}), "monochrome");
    EXPECT_EQ(scheme({{"#e4dfd6", 0.6F}, {"#cdc6ba", 0.3F}, {"#a89a86", 0.1F}}), "neutral");
    EXPECT_EQ(scheme({{"#e6cdb2", 0.6F}, {"#cdb296", 0.3F}, {"#b96f4a", 0.1F}}), "warm");
    EXPECT_EQ(scheme({{"#b3c4c9", 0.3F}, {"#5c7d90", 0.5F}, {"#3f6473", 0.2F}}), "cool");
    EXPECT_EQ(scheme({{"#8a6a44", 0.5F}, {"#5e6446", 0.3F}, {"#7d5a3f", 0.2F}}), "earthy");
    EXPECT_EQ(scheme({{"#efd5cf", 0.4F}, {"#c4e2d0", 0.4F}, {"#cfc6ee", 0.2F}}), "pastel");
    EXPECT_EQ(scheme({{"#dfa63a", 0.5F}, {"#1f5f68", 0.3F}, {"#c65f45", 0.2F}}), "vibrant");
}

TEST(MeasuredWords, LightFollowsTheRulesOfTheHeader) {
    const auto word = [](float brightness, float contrast, float warmth) {
        return std::string(lighting_word({brightness, contrast, warmth}));
    };
    EXPECT_EQ(word(0.5F, 0.07F, 30), "unspecified");
    EXPECT_EQ(word(0.2F, 0.7F, 0), "dramatic");
    EXPECT_EQ(word(0.2F, 0.4F, 10), "evening");
    EXPECT_EQ(word(0.2F, 0.4F, -10), "evening");
    EXPECT_EQ(word(0.2F, 0.4F, 0), "unspecified");
    EXPECT_EQ(word(0.5F, 0.5F, 25), "golden_hour");
    EXPECT_EQ(word(0.85F, 0.3F, 2), "studio");
    EXPECT_EQ(word(0.7F, 0.5F, 12), "morning");
    EXPECT_EQ(word(0.5F, 0.3F, 0), "soft");
    EXPECT_EQ(word(0.5F, 0.8F, 0), "natural");
    EXPECT_EQ(word(0.5F, 0.8F, 18), "unspecified");
}

}  // namespace
}  // namespace atelier::media
