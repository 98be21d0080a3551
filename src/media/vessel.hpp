#pragma once
// Pottery beside the product: bodies turned on a wheel, which give a small set depth and something to throw shadows.

#include "media/geometry.hpp"
#include "media/raster.hpp"

namespace atelier::media {

enum class VesselKind { bottle, jar, bowl, beaker };

struct Vessel {
    VesselKind kind = VesselKind::jar;
    float x = 0;  // of its axis, metres
    float z = 0;
    float height = 0.2F;
    Rgb color;

    // Half the width at height y; 0 outside of 0..height.
    float radius(float y) const;
    float widest() const;
};

// Where a ray (z = 1 per step, from the camera) meets the vessel.
struct VesselHit {
    bool hit = false;
    float depth = 0;
    Vec point;
    Vec normal;
    bool inside = false;  // one looks into its mouth
};
VesselHit meet(const Vessel& vessel, const Camera& camera, Vec ray);

// The share of the light toward `to_key` that passes the vessel on its way to p, 0..1.
float passes(const Vessel& vessel, Vec p, Vec to_key, float softness);

}  // namespace atelier::media
