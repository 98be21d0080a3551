#pragma once
// The light of a scene: one key light (sun, window, soft box) and what the room gives back.

#include "media/geometry.hpp"
#include "media/inspiration.hpp"
#include "media/noise.hpp"
#include "media/raster.hpp"
#include "media/settings.hpp"

namespace atelier::media {

// What the key light passes through on its way.
enum class Gobo { none, window, blinds, leaves, spot };

struct Light {
    Vec to_key{-0.5F, 0.6F, -0.6F};  // of length 1
    Rgb key{1, 1, 1};
    Rgb ambient{0.5F, 0.5F, 0.5F};
    Gobo gobo = Gobo::none;
    float gobo_strength = 0;       // 0 none .. 1: only ambient light where the gobo blocks
    float gobo_softness = 0.02F;   // in picture widths
    float shadow_softness = 0.2F;  // growth of the penumbra per distance
    float slope = 0.1F;            // the side of the light is brighter by this share, the other darker
    float vignette = 0.15F;
    float product_exposure = 1;
    Rgb product_tint{1, 1, 1};
    const char* name = "natural";  // for the report
};

Light derive_light(const Settings& settings, Dice& dice);

// The light of an inspiration photo, moved a little by a lighting that the settings name. Its side and what it passes
// through are the photo's, `dice` draws what each picture has of its own.
Light inspired_light(const Settings& settings, const Inspiration& inspiration, Dice& dice);

// The pattern of the gobo: what share of the key light passes, over a square of 2.4 picture widths around the aim.
class GoboPattern {
  public:
    // `picture_width`: metres that the picture is wide at the product. `aim`: the point that the middle of the
    // pattern falls on.
    GoboPattern(const Light& light, float picture_width, Vec aim, std::uint64_t seed);
    float passes(Vec p) const;

  private:
    Mask pattern_;
    float texels_per_metre_ = 1;
    float strength_ = 0;
    Vec aim_;
    Vec across_;
    Vec upward_;
};

}  // namespace atelier::media
