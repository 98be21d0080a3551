#pragma once
// Which ground and which wall go with room, style and colours, and with what the surroundings name outright.

#include "media/scene.hpp"

namespace atelier::media {

// Expects stage and palette to be decided; sets ground, wall and whether they run into each other.
void choose_surfaces(Scene& scene, const Settings& settings, const Subject& subject, Dice& dice);

}  // namespace atelier::media
