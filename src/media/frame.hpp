#pragma once
// A photo that cannot be cut out is shown whole: as a framed print on the wall of the set.

#include "media/raster.hpp"
#include "media/scene.hpp"

namespace atelier::media {

// Into `picture`, which holds the set. The frame has a passe-partout and throws its shadow on the wall.
void hang_photo(const Scene& scene, const Picture& photo, Picture& picture);

}  // namespace atelier::media
