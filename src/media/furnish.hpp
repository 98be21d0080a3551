#pragma once
// Materials and furnishing of a set: what floor, wall and extras go with room, style and props.

#include "media/scene.hpp"

namespace atelier::media {

// Expects stage, camera, light and palette to be decided.
void furnish(Scene& scene, const Settings& settings, const Subject& subject, Dice& dice);

}  // namespace atelier::media
