#pragma once
// The colours of a scene: chosen from colour scheme and style, tuned to the product or taken from an inspiration photo.

#include "media/inspiration.hpp"
#include "media/light.hpp"
#include "media/noise.hpp"
#include "media/raster.hpp"
#include "media/settings.hpp"

namespace atelier::media {

struct Palette {
    Rgb wall;
    Rgb ground;  // of painted, cast or woven grounds
    Rgb wood;
    Rgb accent;
    float pull = 0;  // how far materials with a colour of their own are drawn toward the ground's

    // A material's own colour as this palette shows it.
    Rgb drawn(Rgb own) const;
    // The ground's colour for a material of lightness `l`.
    Rgb ground_at(float l) const;
};

// The most telling colours of a picture, most telling first: frequent, and colourful rather than grey.
std::vector<Rgb> dominant_colors(const Picture& picture, const Mask* cover, std::size_t count);

// `product` is the dominant colour of the product.
Palette derive_palette(const Settings& settings, Rgb product, Dice& dice);

// The colours of an inspiration photo as those of a room; within what the settings allow each picture has its own
// shade. A product stands out from its wall as `light` shows them.
Palette inspired_palette(const Settings& settings, Rgb product, const Inspiration& inspiration, const Light& light,
                         Dice& dice);

}  // namespace atelier::media
