#include "media/shadow.hpp"

#include <cmath>

namespace atelier::media {
namespace {

struct Point {
    float x;
    float y;
};

float turn(Point a, Point b, Point c) {
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

// The taut string under the points (rows grow downward), left to right.
std::vector<Point> lower_hull(const std::vector<float>& bottom) {
    std::vector<Point> hull;
    for (std::size_t x = 0; x < bottom.size(); ++x) {
        if (bottom[x] < 0) continue;
        const Point next{static_cast<float>(x), bottom[x]};
        while (hull.size() >= 2 && turn(hull[hull.size() - 2], hull.back(), next) >= 0)
            hull.pop_back();
        hull.push_back(next);
    }
    return hull;
}

}  // namespace

Footing footing_of(const Mask& cover) {
    const auto width = static_cast<std::size_t>(cover.width());
    Footing footing{std::vector<float>(width, -1), std::vector<float>(width, -1), std::vector<float>(width, 0)};
    float lowest = 0;
    for (int x = 0; x < cover.width(); ++x) {
        for (int y = cover.height() - 1; y >= 0; --y) {
            if (cover(x, y) < 0.6F) continue;
            footing.bottom[static_cast<std::size_t>(x)] = static_cast<float>(y);
            lowest = std::max(lowest, static_cast<float>(y));
            break;
        }
    }
    const std::vector<Point> hull = lower_hull(footing.bottom);
    const float size = static_cast<float>(std::min(cover.width(), cover.height()));
    for (std::size_t i = 0; i + 1 < hull.size(); ++i) {
        for (float x = hull[i].x; x <= hull[i + 1].x; ++x) {
            const auto column = static_cast<std::size_t>(x);
            const float ground = mix(hull[i].y, hull[i + 1].y, (x - hull[i].x) / (hull[i + 1].x - hull[i].x));
            footing.ground[column] = ground;
            if (footing.bottom[column] < 0) continue;
            const float gap = (ground - footing.bottom[column]) / size;
            const float risen = (lowest - ground) / size;
            footing.contact[column] = std::exp(-gap * 22) * (1 - smoothstep(0.08F, 0.20F, risen));
        }
    }
    return footing;
}

ShadowCaster::ShadowCaster(const Scene& scene, const Mask& cover, const Footing& footing) : scene_(scene) {
    const float metre = scene.camera.scale_at(scene.product_z);
    const float width = static_cast<float>(cover.width()) / metre;
    float reach = width / 2;
    float top = scene.product_base + static_cast<float>(cover.height()) / metre;
    for (const Plinth& plinth : scene.plinths) {
        reach = std::max(reach, std::fabs(plinth.x) + plinth.radius);
        top = std::max(top, plinth.height);
    }
    reach *= 1.15F;
    top *= 1.08F;
    left_ = -reach;
    top_ = top;
    texels_ = 300 / std::max(2 * reach, top);
    Mask screen(static_cast<int>(2 * reach * texels_) + 1, static_cast<int>(top * texels_) + 1);

    // Each column stands on the ground, whatever the perspective of the photo lifts it to.
    float lowest = 0;
    for (const float ground : footing.ground)
        lowest = std::max(lowest, ground);
    foot_left_ = width;
    foot_right_ = -width;
    for (int v = 0; v < screen.height(); ++v) {
        const float y = top_ - static_cast<float>(v) / texels_;
        for (int u = 0; u < screen.width(); ++u) {
            const float x = left_ + static_cast<float>(u) / texels_;
            for (const Plinth& plinth : scene.plinths) {
                if (y < plinth.height && std::fabs(x - plinth.x) < plinth.radius) screen(u, v) = 1;
            }
            const float column = x * metre + static_cast<float>(cover.width()) / 2;
            if (column < 0 || column >= static_cast<float>(cover.width()) || y < scene.product_base) continue;
            const float ground = footing.ground[static_cast<std::size_t>(column)];
            const float lift = ground < 0 ? 0 : std::min(lowest - ground, 0.1F * static_cast<float>(cover.height()));
            const float row = lowest - lift - (y - scene.product_base) * metre;
            screen(u, v) = std::max(screen(u, v), sample(cover, column, row, 0));
        }
    }
    for (std::size_t x = 0; x < footing.contact.size(); ++x) {
        if (footing.contact[x] < 0.3F) continue;
        const float metres = (static_cast<float>(x) - static_cast<float>(cover.width()) / 2) / metre;
        foot_left_ = std::min(foot_left_, metres);
        foot_right_ = std::max(foot_right_, metres);
    }
    add_levels(std::move(screen));
}

void ShadowCaster::add_levels(Mask screen) {
    // A margin, or the blur would pile up at the edges.
    constexpr int margin = 70;
    Mask wide(screen.width() + 2 * margin, screen.height() + 2 * margin);
    for (int y = 0; y < screen.height(); ++y) {
        for (int x = 0; x < screen.width(); ++x)
            wide(x + margin, y + margin) = screen(x, y);
    }
    // Below the ground there is more of the same; without it a shadow would fade where it meets its caster.
    for (int y = screen.height() + margin; y < wide.height(); ++y) {
        for (int x = 0; x < screen.width(); ++x)
            wide(x + margin, y) = screen(x, screen.height() - 1);
    }
    left_ -= margin / texels_;
    top_ += margin / texels_;
    for (float sigma = 1; sigma < 40; sigma *= 2)
        levels_.push_back(blurred(wide, sigma));
}

float ShadowCaster::light_at(Vec p) const {
    const Vec to_key = scene_.light.to_key;
    const float t = (scene_.product_z - p.z) / to_key.z;
    if (!(t > 0)) return 1;
    const Vec hit = p + to_key * t;
    const float u = (hit.x - left_) * texels_;
    const float v = (top_ - hit.y) * texels_;
    const float sigma = std::max(1.0F, scene_.light.shadow_softness * t * texels_ * 0.5F);
    const float level = std::clamp(std::log2(sigma), 0.0F, static_cast<float>(levels_.size() - 1));
    const auto lower = static_cast<std::size_t>(level);
    const std::size_t upper = std::min(lower + 1, levels_.size() - 1);
    const float share = level - static_cast<float>(lower);
    return 1 - mix(sample(levels_[lower], u, v, 0), sample(levels_[upper], u, v, 0), share);
}

float ShadowCaster::ambient_at(Vec p) const {
    if (foot_right_ <= foot_left_) return 1;
    const float half = (foot_right_ - foot_left_) / 2;
    const float depth =
        std::min(0.36F * half, 0.30F * scene_.product_height / scene_.camera.scale_at(scene_.product_z));
    const float dx = std::max(0.0F, std::fabs(p.x - (foot_left_ + foot_right_) / 2) - half);
    const float dz = std::max(0.0F, std::fabs(p.z - scene_.product_z - 0.9F * depth) - depth);
    const float reach = 0.22F * half + 0.5F * depth;
    const float away = (dx * dx + dz * dz) / (reach * reach);
    return 1 - 0.64F * std::exp(-1.5F * away);
}

Mask contact_shade(const Scene& scene, const Mask& cover, const Footing& footing, Placement at) {
    Mask dark(scene.width, scene.height);
    for (int x = 0; x < cover.width(); ++x) {
        const auto column = static_cast<std::size_t>(x);
        const float contact = footing.contact[column];
        if (contact < 0.02F) continue;
        const int from = static_cast<int>(footing.bottom[column]) - 4;
        const int to = static_cast<int>(std::lround(footing.ground[column])) + 1;
        for (int y = from; y <= to; ++y) {
            if (dark.contains(at.left + x, at.top + y)) dark(at.left + x, at.top + y) = contact;
        }
    }
    const float size = static_cast<float>(std::max(scene.width, scene.height));
    const Mask tight = blurred(dark, 0.0016F * size);
    const Mask wide = blurred(dark, 0.0090F * size);
    for (std::size_t i = 0; i < dark.size(); ++i) {
        dark.cells()[i] = clamp01(0.62F * tight.cells()[i] + 1.15F * wide.cells()[i]) * 0.92F;
    }
    return dark;
}

}  // namespace atelier::media
