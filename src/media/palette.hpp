#pragma once
// The colours of a scene: chosen from colour scheme and style, tuned to the product or taken from an inspiration photo.

#include "media/noise.hpp"
#include "media/raster.hpp"
#include "media/settings.hpp"

namespace atelier::media {

struct Palette {
    Rgb wall;
    Rgb ground;  // of painted, cast or woven grounds
    Rgb wood;
    Rgb accent;
};

// The most telling colours of a picture, most telling first: frequent, and colourful rather than grey.
std::vector<Rgb> dominant_colors(const Picture& picture, const Mask* cover, std::size_t count);

// `product` is the dominant colour of the product, `photo` those of the inspiration photo (may be empty).
Palette derive_palette(const Settings& settings, Rgb product, const std::vector<Rgb>& photo, Dice& dice);

}  // namespace atelier::media
