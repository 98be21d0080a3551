#include "media/render.hpp"

#include <cmath>
#include <limits>

#include "media/color.hpp"
#include "media/shading.hpp"

namespace atelier::media {
namespace {

constexpr float far_away = std::numeric_limits<float>::max();

// Everything a ray may meet, nearest first.
class SetPainter {
  public:
    SetPainter(const Scene& scene, const ShadowCaster* shadow, const Picture& vista)
        : scene_(scene),
          shading_(scene, shadow),
          vista_(vista),
          wall_row_(scene.camera.screen_y({0, 0, scene.wall_z})) {}

    Rgb back(float px, float py) const {
        if (scene_.stage == Stage::flatlay) return flat(px, py);
        const Vec ray = scene_.camera.ray(px, py);
        float depth = scene_.wall_z;
        enum { wall, ground, side } met = wall;
        if (ray.y < 0 && -scene_.camera.height / ray.y < depth) {
            depth = -scene_.camera.height / ray.y;
            met = ground;
        }
        if (scene_.side_x != 0 && ray.x * scene_.side_x > 0 && scene_.side_x / ray.x < depth) {
            depth = scene_.side_x / ray.x;
            met = side;
        }
        const Vec p = scene_.camera.along(ray, depth);
        if (met == side) return shading_.side_wall(p, depth / scene_.camera.focal);
        if (met == ground) {
            const float pixel = depth / scene_.camera.focal;
            return shading_.ground(p, pixel, pixel * depth / scene_.camera.height);
        }
        if (!vista_.empty()) return sample(vista_, px, py);
        return shading_.wall(p, depth / scene_.camera.focal);
    }

    // The plinths as seen through a pixel; false when none is met.
    bool plinth(float px, float py, Rgb& color) const {
        const Vec ray = scene_.camera.ray(px, py);
        float nearest = far_away;
        for (const Plinth& plinth : scene_.plinths) {
            if (ray.y < 0) {
                const float depth = (plinth.height - scene_.camera.height) / ray.y;
                const Vec p = scene_.camera.along(ray, depth);
                if (depth > 0 && depth < nearest && std::hypot(p.x - plinth.x, p.z - plinth.z) < plinth.radius) {
                    nearest = depth;
                    color = shading_.plinth_top(p, plinth);
                }
            }
            const float a = ray.x * ray.x + 1;
            const float b = ray.x * plinth.x + plinth.z;
            const float c = plinth.x * plinth.x + plinth.z * plinth.z - plinth.radius * plinth.radius;
            const float root = b * b - a * c;
            if (root < 0) continue;
            const float depth = (b - std::sqrt(root)) / a;
            const Vec p = scene_.camera.along(ray, depth);
            if (depth > 0 && depth < nearest && p.y >= 0 && p.y <= plinth.height) {
                nearest = depth;
                color = shading_.plinth_side(p, plinth);
            }
        }
        return nearest < far_away;
    }

    bool vessel(float px, float py, Rgb& color) const {
        const Vec ray = scene_.camera.ray(px, py);
        float nearest = far_away;
        for (const Vessel& vessel : scene_.vessels) {
            const VesselHit found = meet(vessel, scene_.camera, ray);
            if (!found.hit || found.depth >= nearest) continue;
            nearest = found.depth;
            color = shading_.vessel(found, vessel);
        }
        return nearest < far_away;
    }

    float wall_row() const { return wall_row_; }

  private:
    Rgb flat(float px, float py) const {
        const float metre = scene_.camera.scale_at(scene_.product_z);
        const Vec p{(px - scene_.camera.center_x) / metre, 0, (static_cast<float>(scene_.height) / 2 - py) / metre};
        return shading_.table_from_above(p, 1 / metre);
    }

    const Scene& scene_;
    Shading shading_;
    const Picture& vista_;
    float wall_row_;
};

// Far things are out of focus; the nearer to the product, the less.
void defocus(const Scene& scene, Picture& picture, float wall_row) {
    if (scene.blur_far < 0.4F) return;
    const Picture soft = blurred(picture, scene.blur_far);
    const Picture half = blurred(picture, scene.blur_far / 2);
    const float base_row = scene.camera.screen_y({0, 0, scene.product_z});
    for (int y = 0; y < picture.height(); ++y) {
        const float row = static_cast<float>(y);
        const float share = 1 - smoothstep(mix(wall_row, base_row, 0.1F), mix(wall_row, base_row, 0.8F), row);
        for (int x = 0; x < picture.width(); ++x) {
            Rgb& cell = picture(x, y);
            cell = share > 0.5F ? mix(half(x, y), soft(x, y), 2 * share - 1) : mix(cell, half(x, y), 2 * share);
        }
    }
}

// What a polished ground shows of the wall: its mirror image, more of it the flatter one looks.
void mirror_wall(const Scene& scene, Picture& picture) {
    if (scene.ground.gloss < 0.02F || scene.sweep || scene.stage == Stage::flatlay) return;
    const Picture soft = blurred(picture, 0.010F * static_cast<float>(scene.width));
    const Camera& camera = scene.camera;
    for (int y = 0; y < picture.height(); ++y) {
        const float drop = static_cast<float>(y) + 0.5F - camera.horizon;
        if (drop <= 0) continue;
        const float depth = camera.focal * camera.height / drop;
        if (depth >= scene.wall_z) continue;
        const float seen_height = (scene.wall_z - depth) * camera.height / depth;
        const float row = camera.screen_y({0, seen_height, scene.wall_z});
        const float slant = camera.height / depth;
        const float share = scene.ground.gloss * (0.25F + 0.75F * std::pow(1 - std::min(1.0F, slant), 3.0F));
        for (int x = 0; x < picture.width(); ++x) {
            const Rgb image = sample(soft, static_cast<float>(x), std::max(0.0F, row));
            picture(x, y) = picture(x, y) * (1 - 0.5F * share) + image * (0.75F * share);
        }
    }
}

// Bodies with round outlines, drawn with six samples a pixel. `body(px, py, color)` tells whether one is met.
template <class Body>
void paint_bodies(Picture& picture, const Body& body) {
    for (int y = 0; y < picture.height(); ++y) {
        for (int x = 0; x < picture.width(); ++x) {
            Rgb sum;
            float hits = 0;
            for (const float dy : {0.17F, 0.5F, 0.83F}) {
                for (const float dx : {0.25F, 0.75F}) {
                    Rgb color;
                    if (!body(static_cast<float>(x) + dx, static_cast<float>(y) + dy, color)) continue;
                    sum = sum + color;
                    ++hits;
                }
            }
            if (hits > 0) picture(x, y) = picture(x, y) * (1 - hits / 6) + sum * (1.0F / 6);
        }
    }
}

}  // namespace

Picture render_set(const Scene& scene, const ShadowCaster* shadow, const Picture& vista) {
    const SetPainter painter(scene, shadow, vista);
    Picture picture(scene.width, scene.height);
    for (int y = 0; y < scene.height; ++y) {
        for (int x = 0; x < scene.width; ++x) {
            picture(x, y) = painter.back(static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F);
        }
    }
    if (!scene.vessels.empty()) {
        paint_bodies(picture, [&](float px, float py, Rgb& color) { return painter.vessel(px, py, color); });
    }
    defocus(scene, picture, painter.wall_row());
    mirror_wall(scene, picture);
    if (!scene.plinths.empty()) {
        paint_bodies(picture, [&](float px, float py, Rgb& color) { return painter.plinth(px, py, color); });
    }
    return picture;
}

}  // namespace atelier::media
