#pragma once
// From hard regions to a soft cover: how much of an edge pixel is product, and what colour the product has there
// without the background that shines through.

#include "media/backdrop.hpp"
#include "media/raster.hpp"
#include "media/region.hpp"

namespace atelier::media {

struct Matte {
    Cutout product;   // colour linear
    Mask own_shadow;  // 0 none, 1 black
};

// `encoded` is the photo in sRGB encoding.
Matte matted(const Picture& encoded, const Regions& regions, const Backdrop& backdrop);

}  // namespace atelier::media
