#pragma once
// The last steps in the darkroom: leaves before the lens, vignette, roll-off of highlights, grain, bytes.

#include <vector>

#include "media/raster.hpp"
#include "media/scene.hpp"

namespace atelier::media {

// sRGB bytes, three per pixel, row by row.
std::vector<unsigned char> finished(const Scene& scene, Picture picture);

}  // namespace atelier::media
