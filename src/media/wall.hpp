#pragma once
// What stands behind the product. A material is a colour and a relief for each point of the wall plane, in metres.

#include <cstdint>

#include "media/raster.hpp"

namespace atelier::media {

enum class WallKind { seamless, plaster, panels, slats, brick, concrete, tiles, zellige, boards };

struct Wall {
    WallKind kind = WallKind::plaster;
    Rgb base;
    Rgb second;      // joints, gaps, the wood of slats
    float unit = 1;  // as for grounds
    std::uint64_t seed = 0;

    Rgb color(float x, float y, float blur) const;
    // Metres that the surface stands out at this point; what it does to the light is worked out from its slope.
    float relief(float x, float y) const;
    bool has_relief() const;
};

}  // namespace atelier::media
