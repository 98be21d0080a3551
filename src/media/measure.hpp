#pragma once
// What pixels tell of a scene, without a model: colours, light, format. The same photo at another size or in another
// format measures nearly the same: it is looked at on at most 256 pixels a side, where compression and grain have
// averaged out.

#include <string_view>

#include "core/json.hpp"
#include "media/codec.hpp"

namespace atelier::media {

// The report: that of inspect(), its metadata being
//   {"brightness": 0..1, "contrast": 0..1, "orientation": ..., "colorPalette": ["#rrggbb", ...], "lighting": ...,
//    "colorScheme": ...}
// with 1 to 6 colours, most telling first, each of at least 1 % of the picture. Numbers have three decimals; words and
// numbers are those of measured_words.hpp. What is clear by more than a half does not count; a picture that is clear
// all over is refused: invalid_request.
core::Json measure(std::string_view bytes, const Limits& limits);

}  // namespace atelier::media
