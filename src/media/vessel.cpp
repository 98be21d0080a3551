#include "media/vessel.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace atelier::media {
namespace {

// Radii over height, from foot to mouth at equal steps.
using Profile = std::array<float, 9>;

const Profile& profile(VesselKind kind) {
    static constexpr Profile bottle{0.20F, 0.29F, 0.33F, 0.32F, 0.25F, 0.15F, 0.095F, 0.085F, 0.105F};
    static constexpr Profile jar{0.26F, 0.38F, 0.45F, 0.48F, 0.47F, 0.42F, 0.33F, 0.25F, 0.26F};
    static constexpr Profile bowl{0.34F, 0.55F, 0.72F, 0.84F, 0.93F, 0.99F, 1.04F, 1.07F, 1.09F};
    static constexpr Profile beaker{0.30F, 0.34F, 0.35F, 0.355F, 0.36F, 0.362F, 0.365F, 0.368F, 0.372F};
    switch (kind) {
        case VesselKind::bottle:
            return bottle;
        case VesselKind::jar:
            return jar;
        case VesselKind::bowl:
            return bowl;
        case VesselKind::beaker:
            return beaker;
    }
    return jar;
}

float outside(const Vessel& vessel, Vec p) {
    return std::hypot(p.x - vessel.x, p.z - vessel.z) - vessel.radius(p.y);
}

}  // namespace

float Vessel::radius(float y) const {
    if (y < 0 || y > height) return 0;
    const Profile& radii = profile(kind);
    const float at = y / height * static_cast<float>(radii.size() - 1);
    const auto lower = std::min(static_cast<std::size_t>(at), radii.size() - 2);
    const float t = at - static_cast<float>(lower);
    // Through the points without a corner (Catmull-Rom).
    const float a = radii[lower > 0 ? lower - 1 : 0];
    const float b = radii[lower];
    const float c = radii[lower + 1];
    const float d = radii[std::min(lower + 2, radii.size() - 1)];
    return height * (b + 0.5F * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))));
}

float Vessel::widest() const {
    const Profile& radii = profile(kind);
    return 1.02F * height * *std::max_element(radii.begin(), radii.end());
}

VesselHit meet(const Vessel& vessel, const Camera& camera, Vec ray) {
    const float reach = vessel.widest();
    const Vec abreast = camera.along(ray, vessel.z);
    if (std::fabs(abreast.x - vessel.x) > 1.2F * reach || abreast.y < -reach || abreast.y > vessel.height + reach) {
        return {};
    }
    constexpr int steps = 18;
    VesselHit result;
    const Vec mouth = ray.y < 0 ? camera.along(ray, (vessel.height - camera.height) / ray.y) : Vec{};
    if (ray.y < 0 && std::hypot(mouth.x - vessel.x, mouth.z - vessel.z) < vessel.radius(vessel.height)) {
        return {true, mouth.z, mouth, {0, 1, 0}, true};
    }
    float before = vessel.z - reach;
    for (int step = 1; step <= steps; ++step) {
        float depth = vessel.z - reach + 2 * reach * static_cast<float>(step) / steps;
        if (outside(vessel, camera.along(ray, depth)) > 0) {
            before = depth;
            continue;
        }
        for (int halving = 0; halving < 8; ++halving) {
            const float middle = (before + depth) / 2;
            (outside(vessel, camera.along(ray, middle)) > 0 ? before : depth) = middle;
        }
        const Vec p = camera.along(ray, depth);
        if (p.y < 0 || p.y > vessel.height) return result;
        const float step_y = 0.01F * vessel.height;
        const float slope =
            (vessel.radius(std::min(p.y + step_y, vessel.height)) - vessel.radius(std::max(0.0F, p.y - step_y))) /
            (2 * step_y);
        const float away = std::hypot(p.x - vessel.x, p.z - vessel.z);
        result = {true, depth, p, unit({(p.x - vessel.x) / away, -slope, (p.z - vessel.z) / away}), false};
        return result;
    }
    return result;
}

float passes(const Vessel& vessel, Vec p, Vec to_key, float softness) {
    const float flat = to_key.x * to_key.x + to_key.z * to_key.z;
    const float t = ((vessel.x - p.x) * to_key.x + (vessel.z - p.z) * to_key.z) / flat;
    if (t <= 0) return 1;
    const Vec near = p + to_key * t;
    const float width = softness * t * 0.5F + 0.04F * vessel.height;
    const float away = std::hypot(near.x - vessel.x, near.z - vessel.z);
    if (near.y > vessel.height + width || away > 1.1F * vessel.height + width) return 1;
    const float below_mouth = 1 - smoothstep(vessel.height - width, vessel.height + width, near.y);
    const float radius = vessel.radius(std::clamp(near.y, 0.0F, vessel.height));
    const float beside = smoothstep(radius - width, radius + width, away);
    return 1 - below_mouth * (1 - beside);
}

}  // namespace atelier::media
