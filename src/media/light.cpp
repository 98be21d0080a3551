#include "media/light.hpp"

#include <numbers>

#include "media/color.hpp"

namespace atelier::media {
namespace {

constexpr int pattern_side = 480;
constexpr float pattern_widths = 2.4F;  // picture widths across the pattern

Light preset(Lighting lighting) {
    Light light;
    light.name = to_string(lighting);
    switch (lighting) {
        case Lighting::natural:
            light.to_key = {-0.62F, 0.58F, -0.55F};
            light.key = {1.22F, 1.19F, 1.13F};
            light.ambient = {0.44F, 0.46F, 0.50F};
            light.gobo = Gobo::window;
            light.gobo_strength = 0.62F;
            light.gobo_softness = 0.028F;
            break;
        case Lighting::morning:
            light.to_key = {-0.72F, 0.42F, -0.55F};
            light.key = {1.50F, 1.22F, 0.90F};
            light.ambient = {0.44F, 0.47F, 0.53F};
            light.gobo = Gobo::window;
            light.gobo_strength = 0.74F;
            light.gobo_softness = 0.012F;
            light.product_tint = {1.05F, 1.0F, 0.94F};
            break;
        case Lighting::golden_hour:
            light.to_key = {-0.80F, 0.30F, -0.52F};
            light.key = {1.95F, 1.22F, 0.56F};
            light.ambient = {0.42F, 0.35F, 0.33F};
            light.gobo = Gobo::window;
            light.gobo_strength = 0.85F;
            light.gobo_softness = 0.010F;
            light.slope = 0.2F;
            light.vignette = 0.26F;
            light.product_exposure = 0.98F;
            light.product_tint = {1.16F, 0.99F, 0.80F};
            break;
        case Lighting::evening:
            light.to_key = {0.42F, 0.62F, -0.66F};
            light.key = {1.75F, 1.16F, 0.62F};
            light.ambient = {0.27F, 0.29F, 0.36F};
            light.gobo = Gobo::spot;
            light.gobo_strength = 0.92F;
            light.gobo_softness = 0.12F;
            light.slope = 0.16F;
            light.vignette = 0.36F;
            light.product_exposure = 0.92F;
            light.product_tint = {1.14F, 0.98F, 0.82F};
            break;
        case Lighting::studio:
            light.to_key = {-0.45F, 0.70F, -0.56F};
            light.key = {1.0F, 1.0F, 1.0F};
            light.ambient = {0.52F, 0.52F, 0.53F};
            light.gobo = Gobo::spot;
            light.gobo_strength = 0.30F;
            light.gobo_softness = 0.16F;
            light.shadow_softness = 0.34F;
            light.slope = 0.05F;
            light.vignette = 0.12F;
            light.product_exposure = 1.02F;
            break;
        case Lighting::dramatic:
            light.to_key = {-0.66F, 0.50F, -0.56F};
            light.key = {2.1F, 1.9F, 1.65F};
            light.ambient = {0.17F, 0.18F, 0.21F};
            light.gobo = Gobo::spot;
            light.gobo_strength = 0.97F;
            light.gobo_softness = 0.08F;
            light.shadow_softness = 0.10F;
            light.slope = 0.22F;
            light.vignette = 0.42F;
            light.product_exposure = 0.98F;
            light.product_tint = {1.04F, 1.0F, 0.95F};
            break;
        case Lighting::soft:
            light.to_key = {-0.5F, 0.72F, -0.5F};
            light.key = {0.86F, 0.85F, 0.82F};
            light.ambient = {0.60F, 0.59F, 0.58F};
            light.gobo = Gobo::leaves;
            light.gobo_strength = 0.34F;
            light.gobo_softness = 0.022F;
            light.shadow_softness = 0.40F;
            light.slope = 0.06F;
            light.vignette = 0.1F;
            break;
        case Lighting::unspecified:
            light.to_key = {-0.55F, 0.64F, -0.55F};
            light.key = {1.05F, 1.03F, 0.99F};
            light.ambient = {0.52F, 0.52F, 0.54F};
            light.shadow_softness = 0.28F;
            break;
    }
    return light;
}

void soft_panes(Mask& pattern, int columns, int rows, float width, float height, float bar) {
    const float side = static_cast<float>(pattern_side);
    for (int y = 0; y < pattern_side; ++y) {
        for (int x = 0; x < pattern_side; ++x) {
            const float u = (static_cast<float>(x) / side - 0.5F) * pattern_widths / width + 0.5F;
            const float v = (static_cast<float>(y) / side - 0.5F) * pattern_widths / height + 0.5F;
            if (u < 0 || u >= 1 || v < 0 || v >= 1) continue;
            const float pane_x = u * static_cast<float>(columns);
            const float pane_y = v * static_cast<float>(rows);
            const float edge_x = 0.5F - std::fabs(pane_x - std::floor(pane_x) - 0.5F);
            const float edge_y = 0.5F - std::fabs(pane_y - std::floor(pane_y) - 0.5F);
            const bool bars =
                edge_x * width / static_cast<float>(columns) < bar || edge_y * height / static_cast<float>(rows) < bar;
            pattern(x, y) = bars ? 0.0F : 1.0F;
        }
    }
}

void leaf(Mask& pattern, float cx, float cy, float length, float angle) {
    const float c = std::cos(angle);
    const float s = std::sin(angle);
    const int reach = static_cast<int>(length) + 1;
    for (int y = static_cast<int>(cy) - reach; y <= static_cast<int>(cy) + reach; ++y) {
        for (int x = static_cast<int>(cx) - reach; x <= static_cast<int>(cx) + reach; ++x) {
            if (!pattern.contains(x, y)) continue;
            const float dx = static_cast<float>(x) - cx;
            const float dy = static_cast<float>(y) - cy;
            const float along = (dx * c + dy * s) / length;  // 0 at the stem, 1 at the tip
            if (along < 0 || along > 1) continue;
            const float half = 0.30F * length * std::sin(std::numbers::pi_v<float> * std::pow(along, 0.8F));
            if (std::fabs(dy * c - dx * s) < half) pattern(x, y) = 0;
        }
    }
}

// Twigs with leaves to both sides, hanging in from the upper corner on the side of the light.
void leaves(Mask& pattern, std::uint64_t seed) {
    std::fill(pattern.cells().begin(), pattern.cells().end(), 1.0F);
    Dice dice(seed);
    const float side = static_cast<float>(pattern_side);
    for (int twig = 0; twig < 9; ++twig) {
        float x = side * dice.between(0.12F, 0.82F);
        float y = side * dice.between(0.05F, 0.5F);
        float angle = dice.between(0.2F, 1.3F);
        const float bend = dice.between(-0.05F, 0.05F);
        const float size = side * dice.between(0.045F, 0.075F);
        for (int step = 0; step < 12; ++step) {
            const float turn = step % 2 == 0 ? 0.85F : -0.85F;
            leaf(pattern, x, y, size * dice.between(0.75F, 1.1F), angle + turn + dice.between(-0.2F, 0.2F));
            x += size * 0.42F * std::cos(angle);
            y += size * 0.42F * std::sin(angle);
            angle += bend;
        }
    }
}

void spot(Mask& pattern) {
    const float side = static_cast<float>(pattern_side);
    for (int y = 0; y < pattern_side; ++y) {
        for (int x = 0; x < pattern_side; ++x) {
            const float u = (static_cast<float>(x) / side - 0.5F) * pattern_widths;
            const float v = (static_cast<float>(y) / side - 0.5F) * pattern_widths;
            pattern(x, y) = 1 - smoothstep(0.14F, 0.66F, std::sqrt(u * u + v * v));
        }
    }
}

// What the settings name, or a room without windows, hangs before the light.
void hang_gobo(const Settings& settings, Light& light, Dice& dice) {
    if (mentions(settings, "blind") || mentions(settings, "shutter")) {
        light.gobo = Gobo::blinds;
        light.gobo_strength = std::max(light.gobo_strength, 0.5F);
    } else if (settings.room == Room::outdoor || mentions(settings, "plant") || mentions(settings, "leaves") ||
               mentions(settings, "palm") || mentions(settings, "tree")) {
        if (light.gobo == Gobo::window && dice.below(2) == 0) light.gobo = Gobo::leaves;
    }
    if (settings.room == Room::outdoor && light.gobo == Gobo::window) light.gobo = Gobo::leaves;
}

}  // namespace

Light derive_light(const Settings& settings, Dice& dice) {
    Light light = preset(settings.lighting);
    const float freedom = static_cast<float>(settings.variety) / 10;
    light.to_key.x *= 1 + 0.2F * freedom * dice.between(-1, 1);
    light.to_key.y *= 1 + 0.15F * freedom * dice.between(-1, 1);
    // One picture in three is lit from the other side, once the settings leave that much freedom.
    if (settings.variety >= 4 && dice.below(3) == 0) light.to_key.x = -light.to_key.x;
    light.to_key = unit(light.to_key);
    hang_gobo(settings, light, dice);
    return light;
}

Light inspired_light(const Settings& settings, const Inspiration& inspiration, Dice& dice) {
    Dice character(inspiration.seed ^ 0x11947);
    const Light named = preset(settings.lighting);
    const float word = settings.lighting == Lighting::unspecified ? 0.0F : 0.3F;
    const float bright = smoothstep(0.15F, 0.75F, inspiration.brightness);
    const float hard = inspiration.contrast;
    Light light = named;
    if (word == 0) light.name = "photo";
    light.key = mix(inspiration.key * mix(0.95F, 1.45F, 0.5F * hard + 0.5F * bright), named.key, word);
    light.ambient = mix(inspiration.shade * mix(0.26F, 0.54F, bright), named.ambient, word);
    light.product_tint = mix(mix(Rgb{1, 1, 1}, inspiration.key, 0.35F), named.product_tint, word);
    light.product_exposure = mix(0.92F, 1.02F, bright);
    light.shadow_softness = mix(0.36F, 0.12F, hard);
    light.slope = mix(0.06F, 0.20F, hard);
    light.vignette = mix(0.34F, 0.12F, bright);
    // Low where the light is warm and hard, as late in the day.
    const float low = clamp01(0.6F * hard + 0.4F * std::max(0.0F, inspiration.warmth));
    const float from = std::fabs(inspiration.side) > 0.15F ? inspiration.side : character.between(-1, 1);
    light.to_key = {from < 0 ? -0.64F : 0.64F, mix(0.68F, 0.40F, low), -0.55F};
    const float freedom = static_cast<float>(settings.variety) / 10;
    light.to_key.x *= 1 + 0.2F * freedom * dice.between(-1, 1);
    light.to_key.y *= 1 + 0.15F * freedom * dice.between(-1, 1);
    light.to_key = unit(light.to_key);
    if (word == 0) {
        constexpr Gobo day[] = {Gobo::window, Gobo::leaves, Gobo::blinds};
        light.gobo = bright > 0.55F ? day[character.below(3)] : character.below(2) == 0 ? Gobo::spot : Gobo::window;
    }
    light.gobo_strength = mix(0.42F, 0.82F, hard);
    light.gobo_softness = light.gobo == Gobo::spot ? 0.12F : mix(0.030F, 0.012F, hard);
    hang_gobo(settings, light, character);
    return light;
}

GoboPattern::GoboPattern(const Light& light, float picture_width, Vec aim, std::uint64_t seed)
    : texels_per_metre_(static_cast<float>(pattern_side) / (pattern_widths * picture_width)),
      strength_(light.gobo_strength),
      aim_(aim) {
    across_ = unit(cross({0, 1, 0}, light.to_key * -1));
    upward_ = cross(light.to_key * -1, across_);
    if (light.gobo == Gobo::none || strength_ <= 0) {
        strength_ = 0;
        return;
    }
    pattern_ = Mask(pattern_side, pattern_side);
    switch (light.gobo) {
        case Gobo::window:
            soft_panes(pattern_, 2, 3, 0.56F, 0.86F, 0.012F);
            break;
        case Gobo::blinds:
            soft_panes(pattern_, 1, 15, 0.95F, 1.15F, 0.017F);
            break;
        case Gobo::leaves:
            leaves(pattern_, seed);
            break;
        case Gobo::spot:
            spot(pattern_);
            break;
        case Gobo::none:
            break;
    }
    pattern_ = blurred(pattern_, light.gobo_softness / pattern_widths * static_cast<float>(pattern_side));
}

float GoboPattern::passes(Vec p) const {
    if (strength_ <= 0) return 1;
    const Vec from_aim = p - aim_;
    const float middle = static_cast<float>(pattern_side) / 2;
    const float u = middle + dot(from_aim, across_) * texels_per_metre_;
    const float v = middle - dot(from_aim, upward_) * texels_per_metre_;
    const float edge = static_cast<float>(pattern_side) - 1;
    return 1 - strength_ * (1 - sample(pattern_, std::clamp(u, 0.0F, edge), std::clamp(v, 0.0F, edge), 0));
}

}  // namespace atelier::media
