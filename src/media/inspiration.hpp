#pragma once
// What the pictures of one family take from the inspiration photo that they share: its colours, each for the part of a
// room that it suits, its light, and a seed for what is to be the same in all of them.

#include <cstdint>
#include <string_view>

#include "media/raster.hpp"

namespace atelier::media {

struct Inspiration {
    Rgb wall;    // large, light and high up in the photo
    Rgb ground;  // large, darker and low
    Rgb accent;  // colourful, if only a little of it
    Rgb middle;  // the mean of the photo's middle
    // Light: what its brightest parts and its shadows are tinged with, of luminance 1.
    Rgb key{1, 1, 1};
    Rgb shade{1, 1, 1};
    float brightness = 0.5F;  // mean lightness, 0..1
    float contrast = 0.5F;    // how far lightness strays from its mean: 0 even .. 1 glaring
    float warmth = 0;         // of the photo as a whole: -1 cool .. 1 warm
    float colorfulness = 0;   // 0 grey .. 1 vivid
    float side = 0;           // where it is brighter: -1 on the left .. 1 on the right
    std::uint64_t seed = 0;   // of the file's bytes
};

// `photo` must not be empty; `bytes` is the file that it was read from.
Inspiration study(const Picture& photo, std::string_view bytes);

}  // namespace atelier::media
