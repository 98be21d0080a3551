#pragma once
// The space of a scene. Metres; x to the right, y up from the ground, z away from the camera, which stands at
// (0, height, 0). The camera looks level through a lens that is shifted instead of tilted, as product and interior
// photographers do it: what is upright stays upright in the picture.

#include <cmath>

namespace atelier::media {

struct Vec {
    float x = 0;
    float y = 0;
    float z = 0;

    friend constexpr Vec operator+(Vec a, Vec b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
    friend constexpr Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
    friend constexpr Vec operator*(Vec a, float k) { return {a.x * k, a.y * k, a.z * k}; }
};

constexpr float dot(Vec a, Vec b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}
constexpr Vec cross(Vec a, Vec b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline Vec unit(Vec a) {
    return a * (1 / std::sqrt(dot(a, a)));
}

struct Camera {
    float focal = 1000;  // pixels
    float center_x = 0;  // pixels: where x = 0 vanishes
    float horizon = 0;   // pixels from the top; may lie outside the picture
    float height = 1;

    // Pixels a metre takes at depth z.
    float scale_at(float z) const { return focal / z; }
    float screen_x(Vec p) const { return center_x + focal * p.x / p.z; }
    float screen_y(Vec p) const { return horizon + focal * (height - p.y) / p.z; }
    // Direction of the ray through a pixel, z = 1.
    Vec ray(float px, float py) const { return {(px - center_x) / focal, (horizon - py) / focal, 1}; }
    Vec along(Vec ray, float z) const { return {ray.x * z, height + ray.y * z, z}; }
};

}  // namespace atelier::media
