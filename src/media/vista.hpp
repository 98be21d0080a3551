#pragma once
// What is seen beyond a ledge: an inspiration photo out of focus, or a blurred garden of our own.

#include "media/raster.hpp"
#include "media/scene.hpp"

namespace atelier::media {

// The picture behind the ledge, of the size of the scene. `photo` may be empty: then it is a garden.
Picture make_vista(const Scene& scene, const Picture& photo);

}  // namespace atelier::media
