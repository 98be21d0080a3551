#pragma once
// Words for what was measured of a photo, from the vocabulary of the studio. Each rule is a threshold that anybody can
// look up; where none holds the word is "unspecified". Lightness, chroma and warmth are those of CIE L*a*b* (D65).
// The thresholds lie where the photos of the demo and plain test pictures told apart what people call by these words.

#include <string_view>
#include <vector>

#include "media/color.hpp"

namespace atelier::media {

// "landscape", "portrait", or "square": the sides differ by at most 5 % of the longer one, which the eye takes for
// equal.
std::string_view orientation_word(int width, int height);

struct LightMeasures {
    float brightness = 0;  // mean L*, 0..1
    float contrast = 0;    // from the darkest to the lightest 5 % of the picture in L*, 0..1
    float warmth = 0;      // mean b*, about -60 (blue) to 70 (yellow): the cast that the light, or the walls, give
};

// By the first rule that holds:
//   unspecified  contrast < 0.08: a bare surface shows no light
//   dramatic     brightness < 0.35, contrast >= 0.6: dark, with lights in it
//   evening      brightness < 0.35, and a cast of 6 or more to either side: lamps, or the blue hour; a dark room by
//                neutral light may be anything
//   golden_hour  warmth >= 20, brightness < 0.75: a low sun dyes everything
//   studio       brightness >= 0.8, warmth within 5: lit white, without a cast
//   morning      brightness >= 0.63, warmth 8 to 20: light, and a little warm
//   soft         brightness >= 0.45, contrast < 0.45: no deep shadows
//   natural      else, warmth -15 to 15: daylight is near neutral, and casts shadows
std::string_view lighting_word(const LightMeasures& light);

// Of colours that count the same, such as the pixels of a picture; a palette of a few would hang on which of its
// colours stands for a gradient. By the first rule that holds; a colour is grey below chroma 3, which no eye tells from
// it, and has a hue from 8 on:
//   unspecified  no colour
//   monochrome   97 % grey: a black and white photo, or as good as one
//   vibrant      30 % of it, or the mean, with chroma 40 or more
//   neutral      mean chroma < 9
//   pastel       70 % light (L* >= 70), hardly any strong (2 % with chroma > 35), in hues more than 60 degrees apart
//   earthy       half of it brown, ochre or olive: hue 30 to 105 degrees, L* 20 to 65, chroma 10 to 45
//   warm, cool   70 % of all chroma on one side: red to yellow (hue -20 to 105), or green to blue (110 to 310)
std::string_view color_scheme_word(const std::vector<Lab>& colors);

}  // namespace atelier::media
