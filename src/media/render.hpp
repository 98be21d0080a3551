#pragma once
// Draws the set without the product: ground, walls, plinths, in their light and with the shadow that will fall on them.

#include "media/raster.hpp"
#include "media/scene.hpp"
#include "media/shadow.hpp"

namespace atelier::media {

// `shadow` is null when nothing stands in the light. `vista` stands in for the wall when the scene has a backdrop or
// is outdoors; empty otherwise.
Picture render_set(const Scene& scene, const ShadowCaster* shadow, const Picture& vista);

}  // namespace atelier::media
