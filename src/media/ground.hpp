#pragma once
// What the product stands on: floors of a room, tops of tables and counters. A material is a colour for each point of
// the ground plane, in metres, drawn no finer than a pixel can show.

#include <cstdint>

#include "media/raster.hpp"

namespace atelier::media {

enum class GroundKind {
    seamless,
    planks,
    herringbone,
    board,
    deck,
    tiles,
    checker,
    marble,
    stone,
    concrete,
    terrazzo,
    carpet,
    linen
};

struct Ground {
    GroundKind kind = GroundKind::seamless;
    Rgb base;         // the mean colour
    Rgb second;       // joints, veins, chips
    float unit = 1;   // how large features are against those of a room: a small scene has finer ones
    float gloss = 0;  // 0 matte .. 1 mirror
    std::uint64_t seed = 0;

    // `blur_x`, `blur_z`: metres that a pixel covers here.
    Rgb color(float x, float z, float blur_x, float blur_z) const;
};

}  // namespace atelier::media
