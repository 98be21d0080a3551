#pragma once
// The light that each surface of a set sends to the camera.

#include "media/raster.hpp"
#include "media/scene.hpp"
#include "media/shadow.hpp"

namespace atelier::media {

class Shading {
  public:
    // Scene and shadow must outlive this. `shadow` may be null.
    Shading(const Scene& scene, const ShadowCaster* shadow);

    // `pixel`: metres that a pixel covers; on the ground across (x) and in depth (z).
    Rgb wall(Vec p, float pixel) const;
    Rgb side_wall(Vec p, float pixel) const;
    Rgb ground(Vec p, float pixel_x, float pixel_z) const;
    Rgb plinth_top(Vec p, const Plinth& plinth) const;
    Rgb plinth_side(Vec p, const Plinth& plinth) const;
    Rgb vessel(const VesselHit& hit, const Vessel& vessel) const;
    Rgb table_from_above(Vec p, float pixel) const;

  private:
    Rgb lit(Rgb albedo, float facing, float key_share, float ambient_share) const;
    float key_at(Vec p) const;
    float facing(Vec normal) const;
    float sweep_turn(Vec p) const;
    void apply_arch(Vec p, float pixel, Rgb& albedo, float& key, float& ambient) const;
    Rgb rug_color(Vec p, float pixel, Rgb below) const;

    const Scene& scene_;
    const ShadowCaster* shadow_;
    GoboPattern gobo_;
    float reach_;  // metres over which corners darken
};

}  // namespace atelier::media
