#include "media/shading.hpp"

#include <cmath>

#include "media/color.hpp"

namespace atelier::media {
namespace {

// What the pattern of the light is centered on: the wall beside the product, a little toward the light's far side.
Vec aim_of(const Scene& scene) {
    const float view = scene.picture_width_metres();
    const float view_height = view * static_cast<float>(scene.height) / static_cast<float>(scene.width);
    if (scene.stage == Stage::flatlay) return {0, 0, 0};
    if (scene.light.gobo == Gobo::spot)
        return {0, scene.product_base + 0.25F * std::min(view, view_height), scene.wall_z};
    const float away = scene.light.to_key.x < 0 ? 1.0F : -1.0F;
    return {away * 0.05F * view, scene.product_base + 0.34F * view_height, scene.wall_z};
}

}  // namespace

Shading::Shading(const Scene& scene, const ShadowCaster* shadow)
    : scene_(scene),
      shadow_(shadow),
      gobo_(scene.light,
            std::max(scene.picture_width_metres(), 0.8F * scene.picture_width_metres() *
                                                       static_cast<float>(scene.height) /
                                                       static_cast<float>(scene.width)),
            aim_of(scene), scene.seed),
      reach_(0.10F * scene.picture_width_metres()) {}

float Shading::key_at(Vec p) const {
    float key = gobo_.passes(p) * (shadow_ != nullptr ? shadow_->light_at(p) : 1.0F);
    for (const Vessel& vessel : scene_.vessels)
        key *= passes(vessel, p, scene_.light.to_key, scene_.light.shadow_softness);
    return key;
}

float Shading::facing(Vec normal) const {
    return std::max(0.0F, dot(normal, scene_.light.to_key));
}

Rgb Shading::lit(Rgb albedo, float facing, float key_share, float ambient_share) const {
    return albedo * (scene_.light.ambient * ambient_share + scene_.light.key * (facing * key_share));
}

// 0 lying .. 1 upright, where ground and wall run into each other.
float Shading::sweep_turn(Vec p) const {
    const float radius = 0.5F * (scene_.wall_z - scene_.product_z) + reach_;
    return clamp01(0.5F + 0.5F * (p.z - scene_.wall_z + radius) / radius * 0.5F + 0.25F * p.y / radius);
}

void Shading::apply_arch(Vec p, float pixel, Rgb& albedo, float& key, float& ambient) const {
    if (!scene_.arch) return;
    const Arch& arch = *scene_.arch;
    const float center = arch.top - arch.half_width;
    const auto outside = [&](float x, float y) {
        const float dx = x - arch.x;
        const float dy = arch.round ? y - center : std::max(0.0F, y - center);
        return std::sqrt(dx * dx + dy * dy) - arch.half_width;
    };
    const float off = outside(p.x, p.y);
    const float inside = 1 - smoothstep(-pixel, pixel, off);
    if (inside <= 0) return;
    albedo = mix(albedo, arch.color, inside);
    if (!arch.recessed) return;
    // The edge on the side of the light shades the back of the niche.
    const float depth = 0.18F * arch.half_width;
    const Vec to_key = scene_.light.to_key;
    const float t = depth / std::max(0.2F, -to_key.z);
    const float shaded =
        smoothstep(-0.05F * arch.half_width, 0.03F * arch.half_width, outside(p.x + to_key.x * t, p.y + to_key.y * t));
    key *= mix(1.0F, 1 - 0.85F * shaded, inside);
    ambient *= mix(1.0F, 0.72F + 0.28F * smoothstep(0, 0.35F * arch.half_width, -off), inside);
}

Rgb Shading::wall(Vec p, float pixel) const {
    const Light& light = scene_.light;
    float key = key_at(p);
    float ambient = 1 - (scene_.sweep ? 0.0F : 0.34F) * std::exp(-p.y / (0.5F * reach_));
    ambient *= 1 - 0.10F * smoothstep(0, 12 * reach_, p.y);
    Rgb albedo = scene_.wall.color(p.x, p.y, pixel);
    float facing_key = facing({0, 0, -1});
    if (scene_.skirting > 0 && p.y < scene_.skirting) {
        // A board with a rounded upper edge that catches the light, and its own thin shadow on the floor.
        albedo = mix(albedo, with_lightness(scene_.palette.wall, 88), 0.75F);
        if (scene_.wall.kind == WallKind::brick || scene_.wall.kind == WallKind::concrete) albedo = from_hex("#4b4846");
        const float from_top = (scene_.skirting - p.y) / scene_.skirting;
        facing_key *= 1 + 0.5F * (1 - smoothstep(0, 0.10F, from_top)) - 0.12F * smoothstep(0.12F, 0.2F, from_top);
    } else {
        if (scene_.wall.has_relief()) {
            const float step = std::max(pixel, 0.0012F * scene_.wall.unit);
            const float here = scene_.wall.relief(p.x, p.y);
            const float slope_x = (scene_.wall.relief(p.x + step, p.y) - here) / step;
            const float slope_y = (scene_.wall.relief(p.x, p.y + step) - here) / step;
            facing_key = std::max(0.0F, facing_key - 0.55F * (slope_x * light.to_key.x + slope_y * light.to_key.y));
            facing_key = std::min(facing_key, 1.3F);
            ambient *= 1 - 0.12F * std::min(1.0F, std::hypot(slope_x, slope_y));
        }
        apply_arch(p, pixel, albedo, key, ambient);
    }
    if (scene_.sweep) {
        const float turn = sweep_turn(p);
        facing_key = mix(facing({0, 1, 0}), facing_key, turn);
    }
    return lit(albedo, facing_key, key, ambient);
}

Rgb Shading::side_wall(Vec p, float pixel) const {
    const float corner = std::exp(-(scene_.wall_z - p.z) / (0.8F * reach_));
    float ambient = 0.80F - 0.14F * corner - 0.30F * std::exp(-p.y / (0.5F * reach_));
    Rgb albedo = scene_.wall.color(p.z, p.y, pixel);
    if (scene_.skirting > 0 && p.y < scene_.skirting)
        albedo = mix(albedo, with_lightness(scene_.palette.wall, 88), 0.75F);
    return lit(albedo, 0, 0, ambient);
}

// A woven rug with a bordure, fringed at its short ends.
Rgb Shading::rug_color(Vec p, float pixel, Rgb below) const {
    if (!scene_.rug) return below;
    const Rug& rug = *scene_.rug;
    const float in_x = std::min(p.x - rug.left, rug.right - p.x);
    const float in_z = std::min(p.z - rug.near, rug.far - p.z);
    const float inside = std::min(in_x, in_z);
    constexpr float fringe = 0.055F;
    if (in_x < -fringe || in_z < -0.05F) return below;
    const Ground fabric{GroundKind::carpet, rug.color, rug.border, 1, 0, scene_.seed ^ 0x77};
    const Rgb woven = fabric.color(p.x, p.z, pixel, pixel);
    // Its own thickness darkens the floor along the edge.
    Rgb color = below * (1 - 0.35F * std::exp(std::min(0.0F, inside) / 0.018F));
    const float thread = value_noise(scene_.seed ^ 0x99, p.z * 110, p.x * 6);
    if (in_z > 0)
        color = mix(color, woven * 1.04F, smoothstep(0.35F, 0.6F, thread) * smoothstep(-fringe, -fringe + 0.01F, in_x));
    const float lines = smoothstep(0.09F, 0.095F, inside) - smoothstep(0.125F, 0.13F, inside) +
                        smoothstep(0.15F, 0.153F, inside) - smoothstep(0.160F, 0.163F, inside);
    const float field = 0.5F + 0.5F * fractal_noise(scene_.seed ^ 0x55, p.x * 2, p.z * 2, 3);
    const Rgb dyed = mix(woven * (0.92F + 0.12F * field), rug.border * (0.8F + 0.3F * field), 0.62F * lines);
    return mix(color, dyed, smoothstep(-pixel, pixel, inside));
}

Rgb Shading::ground(Vec p, float pixel_x, float pixel_z) const {
    const float key = key_at(p);
    const float to_wall = scene_.wall_z - p.z;
    float ambient =
        scene_.sweep || scene_.stage == Stage::ledge ? 1.0F : 1 - 0.36F * std::exp(-to_wall / (0.6F * reach_));
    if (shadow_ != nullptr && scene_.plinths.empty()) ambient *= shadow_->ambient_at(p);
    for (const Plinth& plinth : scene_.plinths) {
        const float off = std::max(0.0F, std::hypot(p.x - plinth.x, p.z - plinth.z) - plinth.radius);
        ambient *= 1 - 0.42F * std::exp(-off / (0.25F * plinth.radius));
    }
    for (const Vessel& vessel : scene_.vessels) {
        const float off =
            std::max(0.0F, std::hypot(p.x - vessel.x, p.z - vessel.z) - vessel.radius(0.02F * vessel.height));
        ambient *= 1 - 0.5F * std::exp(-off / (0.12F * vessel.height));
    }
    Rgb albedo = scene_.ground.color(p.x, p.z, pixel_x, pixel_z);
    albedo = rug_color(p, std::max(pixel_x, pixel_z), albedo);
    float facing_key = facing({0, 1, 0});
    if (scene_.sweep) facing_key = mix(facing_key, facing({0, 0, -1}), sweep_turn(p));
    return lit(albedo, facing_key, key, ambient);
}

Rgb Shading::plinth_top(Vec p, const Plinth& plinth) const {
    const bool carries = plinth.height == scene_.product_base && plinth.x == 0;
    const float ambient = shadow_ != nullptr && carries ? shadow_->ambient_at(p) : 1.0F;
    // Light that grazes the rim.
    const float rim = smoothstep(0.97F, 1.0F, std::hypot(p.x - plinth.x, p.z - plinth.z) / plinth.radius);
    const float key = carries ? key_at(p) : gobo_.passes(p);
    return lit(plinth.color, facing({0, 1, 0}) * (1 + 0.10F * rim), key, ambient);
}

Rgb Shading::plinth_side(Vec p, const Plinth& plinth) const {
    const Vec normal{(p.x - plinth.x) / plinth.radius, 0, (p.z - plinth.z) / plinth.radius};
    const float wrapped = clamp01((dot(normal, scene_.light.to_key) + 0.25F) / 1.25F);
    const float low = std::exp(-p.y / (0.35F * scene_.product_base));
    const float edge = 1 - smoothstep(0, 0.05F * plinth.height, plinth.height - p.y);
    return lit(plinth.color, wrapped, gobo_.passes(p), 0.80F - 0.28F * low + 0.15F * edge);
}

Rgb Shading::vessel(const VesselHit& hit, const Vessel& vessel) const {
    if (hit.inside) return lit(vessel.color, 0.05F, 1, 0.30F);
    const float wrapped = clamp01((dot(hit.normal, scene_.light.to_key) + 0.2F) / 1.2F);
    // A matte glaze: a broad sheen where the light would be mirrored into the camera.
    const Vec half = unit(scene_.light.to_key + Vec{0, 0.1F, -1});
    const float sheen = 0.10F * std::pow(std::max(0.0F, dot(hit.normal, half)), 14.0F);
    const float speckle =
        1 + 0.10F * (fractal_noise(scene_.seed ^ 0xce7a, (hit.point.x + hit.point.z) / vessel.height * 40,
                                   hit.point.y / vessel.height * 60, 2) -
                     0.5F);
    const float low = std::exp(-hit.point.y / (0.18F * vessel.height));
    const float key = gobo_.passes(hit.point);
    return lit(vessel.color * speckle, wrapped, key, 0.86F - 0.35F * low) + scene_.light.key * (sheen * key);
}

Rgb Shading::table_from_above(Vec p, float pixel) const {
    return lit(scene_.ground.color(p.x, p.z, pixel, pixel), 0.62F, gobo_.passes({p.x, 0, p.z}), 1);
}

}  // namespace atelier::media
