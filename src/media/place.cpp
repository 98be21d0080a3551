#include "media/place.hpp"

#include <cmath>

#include "media/color.hpp"

namespace atelier::media {
namespace {

Cutout scaled(const Cutout& source, int width, int height) {
    // Colours count by their cover, or what lies hidden under clear pixels would bleed in.
    Picture covered = source.color;
    for (std::size_t i = 0; i < covered.size(); ++i)
        covered.cells()[i] = covered.cells()[i] * source.cover.cells()[i];
    Cutout result{resized(covered, width, height), resized(source.cover, width, height)};
    for (std::size_t i = 0; i < result.color.size(); ++i) {
        float& cover = result.cover.cells()[i];
        Rgb& color = result.color.cells()[i];
        cover = clamp01(cover);
        if (cover > 1e-3F) color = color * (1 / cover);
        color = {std::max(0.0F, color.r), std::max(0.0F, color.g), std::max(0.0F, color.b)};
    }
    return result;
}

// Enlarging softens; a little of what was lost comes back. Within the product only: its edge is no detail.
void sharpen(Cutout& product, float enlarged) {
    if (enlarged < 1.05F) return;
    Picture covered = product.color;
    for (std::size_t i = 0; i < covered.size(); ++i)
        covered.cells()[i] = covered.cells()[i] * product.cover.cells()[i];
    covered = blurred(covered, 0.8F * enlarged);
    const Mask weight = blurred(product.cover, 0.8F * enlarged);
    const float amount = std::min(0.5F, 0.36F * enlarged);
    for (std::size_t i = 0; i < covered.size(); ++i) {
        if (weight.cells()[i] < 0.05F) continue;
        Rgb& color = product.color.cells()[i];
        const Rgb detail = color - covered.cells()[i] * (1 / weight.cells()[i]);
        color = color + detail * (amount * weight.cells()[i]);
        color = {std::max(0.0F, color.r), std::max(0.0F, color.g), std::max(0.0F, color.b)};
    }
}

// The set's light on the product: tint and exposure, brighter to the side of the key, darker toward the ground.
Rgb relit(const Scene& scene, Rgb color, float across, float up) {
    const Light& light = scene.light;
    const float side = light.to_key.x < 0 ? 0.5F - across : across - 0.5F;
    const float slope = 1 + 2 * light.slope * side;
    const float low = scene.stage == Stage::flatlay ? 1.0F : 1 - 0.22F * std::exp(-up / 0.10F);
    const Rgb bounce = mix(Rgb{1, 1, 1}, scene.ground.base * (1 / std::max(0.05F, luminance(scene.ground.base))),
                           0.12F * std::exp(-up / 0.25F));
    return color * light.product_tint * bounce * (light.product_exposure * slope * low);
}

void mirror_product(const Scene& scene, const Placed& placed, Picture& picture) {
    if (scene.ground.gloss < 0.02F || !scene.plinths.empty() || scene.stage == Stage::flatlay || scene.rug) return;
    const Mask& cover = placed.product.cover;
    const Picture soft = blurred(placed.product.color, 2.5F);
    const Mask soft_cover = blurred(cover, 2.5F);
    const float fade = 0.30F * static_cast<float>(cover.height());
    for (int x = 0; x < cover.width(); ++x) {
        const float ground = placed.footing.ground[static_cast<std::size_t>(x)];
        if (ground < 0) continue;
        for (int down = 0; down < cover.height(); ++down) {
            const int row = placed.at.top + static_cast<int>(ground) + down;
            const int column = placed.at.left + x;
            if (!picture.contains(column, row)) break;
            const int source = static_cast<int>(ground) - down;
            if (source < 0) break;
            const float share =
                0.85F * scene.ground.gloss * soft_cover(x, source) * std::exp(-static_cast<float>(down) / fade);
            picture(column, row) = mix(picture(column, row), relit(scene, soft(x, source), 0.5F, 1), share);
        }
    }
}

// Seen from above the shadow lies beside the product, away from the light.
void drop_shadow(const Scene& scene, const Placed& placed, Picture& picture) {
    Mask dark(scene.width, scene.height);
    const Mask& cover = placed.product.cover;
    const float throw_length = 0.035F * scene.product_width;
    const int dx = static_cast<int>((scene.light.to_key.x < 0 ? 1.0F : -1.0F) * throw_length);
    const int dy = static_cast<int>(throw_length);
    for (int y = 0; y < cover.height(); ++y) {
        for (int x = 0; x < cover.width(); ++x) {
            const int px = placed.at.left + x + dx;
            const int py = placed.at.top + y + dy;
            if (dark.contains(px, py)) dark(px, py) = cover(x, y);
        }
    }
    const Mask far = blurred(dark, 0.9F * throw_length * (0.6F + scene.light.shadow_softness));
    const Mask near = blurred(dark, 0.30F * throw_length);
    for (std::size_t i = 0; i < dark.size(); ++i) {
        picture.cells()[i] = picture.cells()[i] * (1 - clamp01(0.42F * far.cells()[i] + 0.30F * near.cells()[i]));
    }
}

void darken(const Scene& scene, const Placed& placed, Picture& picture) {
    if (scene.stage == Stage::flatlay) return drop_shadow(scene, placed, picture);
    const Mask contact = contact_shade(scene, placed.product.cover, placed.footing, placed.at);
    for (std::size_t i = 0; i < picture.size(); ++i)
        picture.cells()[i] = picture.cells()[i] * (1 - contact.cells()[i]);
    const Mask& own = placed.own_shadow;
    for (int y = 0; y < own.height(); ++y) {
        // Only what lies around the feet; a shadow higher up belongs to the photo's own wall.
        const float low = smoothstep(0.80F, 0.93F, static_cast<float>(y) / static_cast<float>(own.height()));
        for (int x = 0; x < own.width(); ++x) {
            const int px = placed.at.left + x;
            const int py = placed.at.top + y;
            if (picture.contains(px, py)) picture(px, py) = picture(px, py) * (1 - 0.7F * low * own(x, y));
        }
    }
}

}  // namespace

Placed scale_product(const Scene& scene, const Extraction& extraction) {
    const int width = std::max(4, static_cast<int>(std::lround(scene.product_width)));
    const int height = std::max(4, static_cast<int>(std::lround(scene.product_height)));
    Placed placed;
    placed.product = scaled(extraction.product, width, height);
    placed.own_shadow = resized(extraction.own_shadow, width, height);
    sharpen(placed.product, scene.product_width / static_cast<float>(extraction.product.color.width()));
    placed.footing = footing_of(placed.product.cover);
    const Camera& camera = scene.camera;
    placed.at.left = static_cast<int>(std::lround(camera.center_x)) - width / 2;
    if (scene.stage == Stage::flatlay) {
        placed.at.top = (scene.height - height) / 2;
    } else {
        placed.at.top =
            static_cast<int>(std::lround(camera.screen_y({0, scene.product_base, scene.product_z}))) - height + 2;
    }
    return placed;
}

void place_product(const Scene& scene, const Placed& placed, Picture& picture) {
    mirror_product(scene, placed, picture);
    darken(scene, placed, picture);
    // The bright surroundings of an edge shine around it, as in a lens.
    const Picture around = blurred(picture, 0.006F * static_cast<float>(scene.width));
    const Mask& cover = placed.product.cover;
    const Mask inner = blurred(cover, 0.0022F * static_cast<float>(scene.width));
    for (int y = 0; y < cover.height(); ++y) {
        for (int x = 0; x < cover.width(); ++x) {
            const int px = placed.at.left + x;
            const int py = placed.at.top + y;
            if (cover(x, y) <= 0 || !picture.contains(px, py)) continue;
            const float across = static_cast<float>(x) / static_cast<float>(cover.width());
            const float up = 1 - static_cast<float>(y) / static_cast<float>(cover.height());
            Rgb color = relit(scene, placed.product.color(x, y), across, up);
            const float wrap = 0.10F * (1 - inner(x, y)) * smoothstep(0, 0.3F, up);
            color = mix(color, around(px, py), wrap);
            picture(px, py) = mix(picture(px, py), color, cover(x, y));
        }
    }
}

}  // namespace atelier::media
