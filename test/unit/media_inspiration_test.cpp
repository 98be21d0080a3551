// What an inspiration photo gives to the pictures that follow it: colours, light, a kind of room. Pictures of one photo
// are a family, those of another photo are another one.
#include "media/inspiration.hpp"

#include <gtest/gtest.h>

#include "media/compose.hpp"
#include "media/light.hpp"
#include "media/scene.hpp"
#include "media_samples.hpp"

namespace atelier::media {
namespace {

constexpr const char* rooms[] = {"living_room", "kitchen", "hallway", "studio"};

// A bright photo, lit from the left: pale blue above, sandy below, a coral patch.
Rgb shore(int x, int y) {
    const float lit = 1 - 0.0009F * static_cast<float>(x);
    if (x > 40 && x < 70 && y > 120 && y < 150) return Rgb{0.92F, 0.42F, 0.34F} * lit;
    return (y < 110 ? Rgb{0.80F, 0.88F, 0.95F} : Rgb{0.78F, 0.70F, 0.56F}) * lit;
}
// A dark one, lit from the right: brown wall, nearly black floor, a green patch.
Rgb cellar(int x, int y) {
    const float lit = 0.55F + 0.0015F * static_cast<float>(x);
    if (x > 200 && x < 235 && y > 130 && y < 160) return Rgb{0.16F, 0.52F, 0.30F} * lit;
    return (y < 110 ? Rgb{0.52F, 0.36F, 0.24F} : Rgb{0.24F, 0.15F, 0.10F}) * lit;
}
std::string photo(const samples::Paint& paint) {
    return samples::file(300, 200, paint, ".jpg[Q=92]");
}

// A product of one colour, on a plain ground in its photo. Its name goes into the prompt, and so into the picture's
// seed.
struct Product {
    const char* name;
    std::string file;
};
Product product(const char* name, Rgb color) {
    const auto paint = [color](int x, int y) {
        const float off = std::hypot(static_cast<float>(x) - 200, static_cast<float>(y) - 150);
        return mix(color, Rgb{0.95F, 0.95F, 0.94F}, smoothstep(89, 91, off));
    };
    return {name, samples::file(400, 300, paint, ".png")};
}
Product vase() {
    return product("vase", {0.20F, 0.11F, 0.09F});
}
Product bowl() {
    return product("bowl", {0.72F, 0.15F, 0.14F});
}
Product mug() {
    return product("mug", {0.55F, 0.55F, 0.56F});
}

Composition composed(const Product& shown, const std::string& inspiration, const char* room, int variety = 5) {
    samples::start();
    const core::Json settings = {{"roomType", room}, {"aspectRatio", "4:3"}, {"varietyLevel", variety}};
    const std::string prompt = std::string("The product is a ") + shown.name;
    auto made = compose(shown.file, inspiration, read_settings(settings, prompt), {});
    EXPECT_TRUE(made.ok());
    return made.ok() ? std::move(*made) : Composition{};
}

Lab mean(const Picture& picture, int left, int right, int top, int bottom) {
    Lab sum;
    const auto count = static_cast<float>((right - left) * (bottom - top));
    for (int y = top; y < bottom; ++y) {
        for (int x = left; x < right; ++x) {
            const Lab lab = to_lab(picture(x, y));
            sum = {sum.l + lab.l / count, sum.a + lab.a / count, sum.b + lab.b / count};
        }
    }
    return sum;
}

// What the eye takes in of a set beside the product: what is behind it, what it stands on, where the light is.
struct Look {
    Lab behind;
    Lab below;
    float slant;  // lightness on the right less that on the left
};

Look look_of(const Composition& made) {
    const auto picture = read_photo(made.jpeg, 64);
    const Picture& color = picture->color;
    const int w = color.width();
    const int h = color.height();
    return {mean(color, 0, w, 0, h / 5), mean(color, 0, w, h * 9 / 10, h),
            mean(color, w * 4 / 5, w, 0, h / 2).l - mean(color, 0, w / 5, 0, h / 2).l};
}

float apart(const Look& one, const Look& other) {
    return (distance(one.behind, other.behind) + distance(one.below, other.below) +
            std::fabs(one.slant - other.slant)) /
           3;
}

Inspiration studied(const samples::Paint& paint) {
    return study(samples::painted(300, 200, paint), photo(paint));
}

TEST(MediaInspiration, GivesEachColourOfThePhotoItsPlace) {
    samples::start();
    const Inspiration bright = studied(shore);
    EXPECT_LT(to_lab(bright.wall).b, -2) << "the sky is the wall";
    EXPECT_GT(to_lab(bright.ground).b, 8) << "the sand is the ground";
    EXPECT_GT(to_lab(bright.accent).a, 25) << "the patch is the accent";
    const Inspiration gloomy = studied(cellar);
    EXPECT_GT(to_lab(gloomy.wall).l, to_lab(gloomy.ground).l + 10);
    EXPECT_LT(to_lab(gloomy.accent).a, -10);
}

TEST(MediaInspiration, MeasuresTheLight) {
    samples::start();
    const Inspiration bright = studied(shore);
    const Inspiration gloomy = studied(cellar);
    EXPECT_GT(bright.brightness, gloomy.brightness + 0.3F);
    EXPECT_GT(gloomy.warmth, bright.warmth);
    EXPECT_LT(bright.side, -0.3F);
    EXPECT_GT(gloomy.side, 0.3F);
    EXPECT_NEAR(luminance(bright.key), 1, 0.02);
    EXPECT_NEAR(luminance(gloomy.shade), 1, 0.02);
    EXPECT_NE(bright.seed, gloomy.seed);
}

TEST(MediaInspiration, StudiesAPhotoOfAnyColours) {
    samples::start();
    for (const float level : {0.0F, 0.5F, 1.0F}) {
        const Inspiration even = study(Picture(9, 7, Rgb{level, level, level}), "even");
        for (const Rgb color : {even.wall, even.ground, even.accent, even.key, even.shade, even.middle})
            EXPECT_TRUE(std::isfinite(color.r + color.g + color.b)) << level;
        EXPECT_NEAR(even.side, 0, 0.01);
        EXPECT_FALSE(composed(bowl(),
                              samples::file(
                                  9, 7,
                                  [&](int, int) {
                                      return Rgb{level, level, level};
                                  },
                                  ".png"),
                              "office")
                         .jpeg.empty());
    }
}

TEST(MediaInspiration, PicturesOfOnePhotoAreAFamily) {
    const std::string one = photo(shore);
    const std::string other = photo(cellar);
    float within = 0;
    float across = 0;
    for (const char* room : rooms) {
        const Look of_one = look_of(composed(vase(), one, room));
        const Look of_other = look_of(composed(vase(), other, room));
        const float siblings = apart(of_one, look_of(composed(bowl(), one, room)));
        const float strangers = apart(of_one, of_other);
        EXPECT_LT(siblings, 0.7F * strangers) << room;
        within += siblings;
        across += strangers;
    }
    RecordProperty("within", std::to_string(within / 4));
    RecordProperty("across", std::to_string(across / 4));
    EXPECT_LT(within, 0.4F * across) << within / 4 << " within a family, " << across / 4 << " across";
}

// Two photos of the same light, of one hue each (radians).
samples::Paint tinted(float hue) {
    return [hue](int, int y) {
        const Rgb linear = from_lab({y < 110 ? 66.0F : 40.0F, 26 * std::cos(hue), 26 * std::sin(hue)});
        return Rgb{to_encoded(linear.r), to_encoded(linear.g), to_encoded(linear.b)};
    };
}
constexpr float green = 2.4F;
constexpr float clay = 0.9F;

TEST(MediaInspiration, PhotosThatDifferInHueAreTwoFamilies) {
    const Look of_green = look_of(composed(vase(), photo(tinted(green)), "living_room"));
    EXPECT_LT(apart(of_green, look_of(composed(bowl(), photo(tinted(green)), "living_room"))),
              0.4F * apart(of_green, look_of(composed(vase(), photo(tinted(clay)), "living_room"))));
}

TEST(MediaInspiration, ARoomHasTheColoursOfThePhoto) {
    samples::start();
    for (const float hue : {green, clay}) {
        const Inspiration inspiration = studied(tinted(hue));
        for (const char* name : {"a vase", "a bowl", "a mug", "a sofa"}) {
            const core::Json settings = {{"roomType", "living_room"}, {"varietyLevel", 10}};
            const Scene scene =
                derive_scene(read_settings(settings, name), {300, 200, Rgb{0.02F, 0.02F, 0.02F}, false}, inspiration);
            for (const Rgb color : {scene.palette.wall, scene.palette.ground}) {
                const Lab lab = to_lab(color);
                EXPECT_LT(std::hypot(lab.a - 26 * std::cos(hue), lab.b - 26 * std::sin(hue)), 9) << name;
            }
            EXPECT_GT(to_lab(scene.palette.wall).l, to_lab(scene.palette.ground).l + 10) << name;
        }
    }
}

TEST(MediaInspiration, VarietyStaysWithinTheFamily) {
    const std::string one = photo(shore);
    const std::string other = photo(cellar);
    for (const int variety : {1, 10}) {
        const Look calm = look_of(composed(vase(), one, "living_room", 1));
        const Look own = look_of(composed(mug(), one, "living_room", variety));
        EXPECT_LT(apart(calm, own), apart(own, look_of(composed(mug(), other, "living_room", variety)))) << variety;
    }
    EXPECT_NE(composed(vase(), one, "living_room", 1).jpeg, composed(vase(), one, "living_room", 10).jpeg);
}

TEST(MediaInspiration, LightComesFromWhereThePhotoIsBrighter) {
    samples::start();
    const Settings settings = read_settings({{"varietyLevel", 10}}, "");
    const auto from = [&](const samples::Paint& paint, std::uint64_t picture) {
        Dice dice(picture);
        return inspired_light(settings, studied(paint), dice).to_key.x;
    };
    const auto mirrored = [](int x, int y) { return shore(299 - x, y); };
    for (const std::uint64_t picture : {1, 2, 3, 4, 5}) {
        EXPECT_LT(from(shore, picture), 0);
        EXPECT_GT(from(mirrored, picture), 0);
    }
}

TEST(MediaInspiration, BrightPhotosGiveBrightPictures) {
    const Look bright = look_of(composed(mug(), photo(shore), "studio"));
    const Look gloomy = look_of(composed(mug(), photo(cellar), "studio"));
    EXPECT_GT(bright.behind.l, gloomy.behind.l + 10);
    EXPECT_GT(gloomy.behind.b, bright.behind.b + 4) << "and warm ones warm ones";
}

TEST(MediaInspiration, NoProductSinksIntoItsWall) {
    for (const samples::Paint& paint : {samples::Paint(shore), samples::Paint(cellar)}) {
        // The products that are hardest to tell from the wall: those of its own colour, lighter and darker.
        const Lab wall = to_lab(studied(paint).wall);
        for (const float lighter : {-30.0F, -15.0F, 0.0F, 10.0F}) {
            const Rgb linear = from_lab({std::clamp(wall.l + lighter, 4.0F, 90.0F), wall.a, wall.b});
            const Rgb encoded{to_encoded(linear.r), to_encoded(linear.g), to_encoded(linear.b)};
            const Composition made = composed(product("plate", encoded), photo(paint), "living_room");
            if (made.metadata["scene"] != "inspired") continue;
            const auto picture = read_photo(made.jpeg, 64);
            const int w = picture->color.width();
            const Lab shown = mean(picture->color, w / 2 - 4, w / 2 + 4, 24, 30);
            EXPECT_GT(std::max(distance(shown, mean(picture->color, 4, 12, 10, 24)),
                               distance(shown, mean(picture->color, w - 12, w - 4, 10, 24))),
                      10)
                << lighter;
        }
    }
}

TEST(MediaInspiration, ThePhotoCountsNotItsAddress) {
    samples::start();
    const auto made_with = [](const char* address) {
        const core::Json settings = {{"roomType", "office"}, {"sceneImageUrl", address}};
        return compose(vase().file, photo(shore), read_settings(settings, "a vase"), {})->jpeg;
    };
    EXPECT_EQ(made_with("atelier://images/1"), made_with("atelier://images/2"));
}

TEST(MediaInspiration, APhotoOfOutdoorsIsSeenBehindAProductOutdoors) {
    EXPECT_EQ(composed(bowl(), photo(shore), "outdoor").metadata["scene"], "photo");
    EXPECT_EQ(composed(bowl(), photo(shore), "studio").metadata["scene"], "inspired");
}

}  // namespace
}  // namespace atelier::media
