#pragma once
// What stands, lies and hangs in a set beside the product: plinths, pottery, a rug, a niche; and what is out of focus.

#include "media/scene.hpp"

namespace atelier::media {

// Expects stage, camera, light, palette and surfaces to be decided.
void furnish(Scene& scene, const Settings& settings, const Subject& subject, Dice& dice);

}  // namespace atelier::media
