#pragma once
// Colour: the sRGB transfer curve (IEC 61966-2-1), CIE L*a*b* (D65) for judging how far apart two colours look, and
// a hue, chroma and lightness view of it for choosing colours.

#include <string>
#include <string_view>

#include "media/raster.hpp"

namespace atelier::media {

float to_linear(float encoded);  // 0..1 to 0..1
float to_encoded(float linear);

// L 0..100; distances of about 2 are just seen side by side.
struct Lab {
    float l = 0;
    float a = 0;
    float b = 0;
};

Lab to_lab(Rgb linear);
Rgb from_lab(Lab lab);  // colours out of the range of sRGB are clipped
float distance(Lab x, Lab y);

float luminance(Rgb linear);

// "#rrggbb" in lower case. from_hex takes exactly that form (of our own constants).
std::string to_hex(Rgb linear);
Rgb from_hex(std::string_view hex);

// Same hue, chroma times `factor`.
Rgb with_chroma(Rgb linear, float factor);
// Same hue and chroma where possible, at L* `l`.
Rgb with_lightness(Rgb linear, float l);
// Same lightness and chroma, hue turned by `degrees`.
Rgb with_hue_turned(Rgb linear, float degrees);

}  // namespace atelier::media
