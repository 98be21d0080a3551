#pragma once
// Shadows of the product: the one that the key light casts on whatever lies behind, and the dark line of contact.

#include <vector>

#include "media/raster.hpp"
#include "media/scene.hpp"

namespace atelier::media {

// Where the product lies in the picture.
struct Placement {
    int left = 0;
    int top = 0;
};

// The outline of the product's lower side.
struct Footing {
    std::vector<float> bottom;   // per column of the cut-out: lowest solid row, -1 for none
    std::vector<float> ground;   // the taut line below all of them: where the ground touches
    std::vector<float> contact;  // 0 hovering .. 1 standing on it
};
Footing footing_of(const Mask& cover);

// The product as a thin screen that stands at its depth; the light has an extent, so shadows grow soft with distance.
class ShadowCaster {
  public:
    ShadowCaster(const Scene& scene, const Mask& cover, const Footing& footing);
    // The share of the key light that reaches p, 0..1.
    float light_at(Vec p) const;
    // The share of the ambient light that reaches a point of the plane that the product stands on.
    float ambient_at(Vec p) const;

  private:
    void add_levels(Mask screen);

    const Scene& scene_;
    std::vector<Mask> levels_;  // each twice as soft as the one before
    float texels_ = 1;          // per metre
    float left_ = 0;            // metres
    float top_ = 0;
    float foot_left_ = 0;
    float foot_right_ = 0;
};

// How much of the light is lost to contact, over the whole picture, 0..1.
Mask contact_shade(const Scene& scene, const Mask& cover, const Footing& footing, Placement at);

}  // namespace atelier::media
