#include "media/vista.hpp"

#include <cmath>

#include "media/color.hpp"

namespace atelier::media {
namespace {

// The light of the scene on something far away: graded toward it, not drowned in it.
Rgb grade(const Light& light) {
    const Rgb all = light.ambient + light.key * 0.5F;
    return mix(Rgb{1, 1, 1}, all, 0.45F);
}

// The photo fills the frame above the edge of the ledge; its lower edge meets that line.
Picture covering(const Scene& scene, const Picture& photo, int below) {
    const float wide = static_cast<float>(scene.width) / static_cast<float>(photo.width());
    const float high = static_cast<float>(below) / static_cast<float>(photo.height());
    // Each picture of a family looks at another part of it.
    Dice dice(scene.seed ^ 0x7157a);
    const float scale = std::max(wide, high) * dice.between(1.0F, 1.35F);
    const float left =
        (static_cast<float>(photo.width()) - static_cast<float>(scene.width) / scale) * dice.between(0.15F, 0.85F);
    const float top = (static_cast<float>(photo.height()) - static_cast<float>(below) / scale) * 0.6F;
    Picture picture(scene.width, scene.height);
    for (int y = 0; y < scene.height; ++y) {
        for (int x = 0; x < scene.width; ++x) {
            picture(x, y) = sample(photo, left + static_cast<float>(x) / scale, top + static_cast<float>(y) / scale);
        }
    }
    return picture;
}

void add_highlight(Picture& picture, float cx, float cy, float radius, Rgb color, float strength) {
    const int reach = static_cast<int>(radius) + 2;
    for (int y = static_cast<int>(cy) - reach; y <= static_cast<int>(cy) + reach; ++y) {
        for (int x = static_cast<int>(cx) - reach; x <= static_cast<int>(cx) + reach; ++x) {
            if (!picture.contains(x, y)) continue;
            const float off = std::hypot(static_cast<float>(x) - cx, static_cast<float>(y) - cy);
            const float disc = 1 - smoothstep(radius - 1.5F, radius + 1.5F, off);
            // A lens draws the rim of a blurred highlight a little brighter.
            picture(x, y) =
                picture(x, y) + color * (disc * strength * (0.75F + 0.25F * smoothstep(0.6F * radius, radius, off)));
        }
    }
}

Picture garden(const Scene& scene, int below) {
    const Rgb sky = mix(from_hex("#dfe8ec"), scene.light.key * 0.8F, 0.35F);
    const Rgb leaf_light = mix(from_hex("#9aa968"), scene.palette.accent, 0.12F);
    const Rgb leaf_dark = from_hex("#39482e");
    Picture picture(scene.width, scene.height);
    const auto width = static_cast<float>(scene.width);
    for (int y = 0; y < scene.height; ++y) {
        for (int x = 0; x < scene.width; ++x) {
            const float u = static_cast<float>(x) / width;
            const float v = static_cast<float>(y) / static_cast<float>(below);
            const float crown = 0.22F + 0.42F * fractal_noise(scene.seed + 1, u * 2.6F, 0.3F, 3);
            const float foliage = fractal_noise(scene.seed + 2, u * 5, v * 4 * static_cast<float>(below) / width, 4);
            const Rgb green = mix(leaf_dark, leaf_light, smoothstep(0.25F, 0.72F, foliage));
            const float hedge = smoothstep(crown - 0.12F, crown + 0.16F, v + 0.35F * (foliage - 0.5F));
            const Rgb lawn = mix(green, leaf_light * 1.1F, smoothstep(0.80F, 0.95F, v));
            picture(x, y) = mix(sky * (1.05F - 0.15F * v), lawn, hedge);
        }
    }
    picture = blurred(picture, 0.014F * width);
    Dice dice(scene.seed ^ 0xb0ce4);
    for (int i = 0; i < 46; ++i) {
        const float x = width * dice.between(0, 1);
        const float y = static_cast<float>(below) * dice.between(0.08F, 0.8F);
        const float radius = width * dice.between(0.008F, 0.028F);
        const Rgb tint = mix(Rgb{0.95F, 0.95F, 0.72F}, scene.light.key, 0.5F);
        add_highlight(picture, x, y, radius, tint, dice.between(0.02F, 0.11F));
    }
    return blurred(picture, 0.0022F * width);
}

}  // namespace

Picture make_vista(const Scene& scene, const Picture& photo) {
    const float row = scene.camera.screen_y({0, 0, scene.wall_z});
    const int below = std::clamp(static_cast<int>(row) + 8, scene.height / 4, scene.height);
    Picture picture = photo.empty() ? garden(scene, below) : covering(scene, photo, below);
    if (!photo.empty()) picture = blurred(picture, 0.0058F * static_cast<float>(std::max(scene.width, scene.height)));
    const Rgb tone = grade(scene.light);
    for (Rgb& cell : picture.cells())
        cell = cell * tone;
    return picture;
}

}  // namespace atelier::media
