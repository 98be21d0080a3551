#include "media/frame.hpp"

#include <cmath>

#include "media/color.hpp"

namespace atelier::media {
namespace {

struct Box {
    float left, top, right, bottom;

    Box grown(float by) const { return {left - by, top - by, right + by, bottom + by}; }
    // Pixels from the edge, positive inside.
    float inside(float x, float y) const {
        return std::min(std::min(x - left, right - x), std::min(y - top, bottom - y));
    }
};

void throw_shadow(const Scene& scene, const Box& frame, Picture& picture) {
    const float size = frame.right - frame.left;
    const float away = scene.light.to_key.x < 0 ? 1.0F : -1.0F;
    Mask near(scene.width, scene.height);
    Mask far(scene.width, scene.height);
    for (int y = 0; y < scene.height; ++y) {
        for (int x = 0; x < scene.width; ++x) {
            const auto px = static_cast<float>(x);
            const auto py = static_cast<float>(y);
            near(x, y) = frame.inside(px - away * 0.008F * size, py - 0.010F * size) > 0 ? 1.0F : 0.0F;
            far(x, y) = frame.inside(px - away * 0.028F * size, py - 0.036F * size) > 0 ? 1.0F : 0.0F;
        }
    }
    near = blurred(near, 0.006F * size);
    far = blurred(far, 0.022F * size);
    for (std::size_t i = 0; i < picture.size(); ++i) {
        picture.cells()[i] = picture.cells()[i] * (1 - clamp01(0.34F * near.cells()[i] + 0.38F * far.cells()[i]));
    }
}

}  // namespace

void hang_photo(const Scene& scene, const Picture& photo, Picture& picture) {
    const float width = scene.product_width;
    const float height = scene.product_height;
    const float center_x = static_cast<float>(scene.width) / 2;
    const float center_y = 0.435F * static_cast<float>(scene.height);
    const Box print{center_x - width / 2, center_y - height / 2, center_x + width / 2, center_y + height / 2};
    const float side = std::max(width, height);
    const Box window = print.grown(0.004F * side);  // the bevelled cut of the passe-partout
    const Box mat = print.grown(0.085F * side);
    const Box frame = mat.grown(0.022F * side);
    throw_shadow(scene, frame, picture);

    const Light& light = scene.light;
    const Rgb shine = light.ambient * 0.55F + light.key * 0.45F;
    // A thin picture shrinks to less than a pixel across.
    const Picture small = resized(photo, std::max(1, static_cast<int>(width)), std::max(1, static_cast<int>(height)));
    const Rgb wood = scene.ground.kind == GroundKind::concrete ? from_hex("#2b2927") : scene.palette.wood * 0.8F;
    const Rgb paper = from_hex("#f4f1ea");
    const float left_light = light.to_key.x < 0 ? 1.0F : -1.0F;
    for (int y = std::max(0, static_cast<int>(frame.top));
         y < std::min(scene.height, static_cast<int>(frame.bottom) + 2); ++y) {
        for (int x = std::max(0, static_cast<int>(frame.left));
             x < std::min(scene.width, static_cast<int>(frame.right) + 2); ++x) {
            const auto px = static_cast<float>(x);
            const auto py = static_cast<float>(y);
            const float cover = clamp01(frame.inside(px, py) + 0.5F);
            if (cover <= 0) continue;
            // The frame's profile: its upper side and the one toward the light are brighter.
            const bool upright =
                std::min(px - frame.left, frame.right - px) < std::min(py - frame.top, frame.bottom - py);
            const bool first = upright ? px < center_x : py < center_y;
            const float bevel = upright ? (first ? left_light : -left_light) * 0.22F : (first ? 0.30F : -0.22F);
            const float grain = 1 + 0.12F * (fractal_noise(scene.seed, upright ? px * 0.4F : px * 0.02F,
                                                           upright ? py * 0.02F : py * 0.4F, 2) -
                                             0.5F);
            Rgb color = wood * ((0.9F + bevel) * grain);
            color = mix(color, paper * 0.94F, clamp01(mat.inside(px, py) + 0.5F));
            // The frame stands above the paper and shades its upper edge.
            const float lip = std::exp(-std::max(0.0F, py - mat.top) / (0.010F * side)) +
                              0.5F * std::exp(-std::max(0.0F, (light.to_key.x < 0 ? px - mat.left : mat.right - px)) /
                                              (0.010F * side));
            if (mat.inside(px, py) > 0) color = color * (1 - 0.22F * std::min(1.0F, lip));
            color = mix(color, Rgb{0.98F, 0.97F, 0.95F}, 0.6F * clamp01(window.inside(px, py) + 0.5F));
            const float printed = clamp01(print.inside(px, py) + 0.5F);
            color = color * shine;
            if (printed > 0) {
                const Rgb image = sample(small, px - print.left, py - print.top);
                color = mix(color, image * mix(Rgb{1, 1, 1}, shine, 0.5F), printed);
            }
            picture(x, y) = mix(picture(x, y), color, cover);
        }
    }
}

}  // namespace atelier::media
