#pragma once
// Puts the product into the set: lit by its light, standing in its contact shadow, mirrored by a polished ground.

#include "media/mask.hpp"
#include "media/raster.hpp"
#include "media/scene.hpp"
#include "media/shadow.hpp"

namespace atelier::media {

// The product at its size in the picture.
struct Placed {
    Cutout product;
    Mask own_shadow;
    Footing footing;
    Placement at;
};

Placed scale_product(const Scene& scene, const Extraction& extraction);

// Into `picture`, which holds the set.
void place_product(const Scene& scene, const Placed& placed, Picture& picture);

}  // namespace atelier::media
