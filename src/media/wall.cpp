#include "media/wall.hpp"

#include <cmath>

#include "media/noise.hpp"

namespace atelier::media {
namespace {

struct Block {
    int column;
    int row;
    float x;  // metres from the block's nearest vertical edge
    float y;
};

// Which block of a bond a point lies in; every other row is shifted by `shift` of a block.
Block block_at(float x, float y, float width, float height, float shift) {
    const float row = std::floor(y / height);
    const float in_row = x / width + (static_cast<int>(row) % 2 != 0 ? shift : 0);
    const float column = std::floor(in_row);
    const float u = in_row - column;
    const float v = y / height - row;
    return {static_cast<int>(column), static_cast<int>(row), std::min(u, 1 - u) * width, std::min(v, 1 - v) * height};
}

Block brick_at(float x, float y) {
    return block_at(x, y, 0.25F, 0.077F, 0.5F);
}
Block subway_at(float x, float y) {
    return block_at(x, y, 0.20F, 0.10F, 0.5F);
}
Block zellige_at(float x, float y) {
    return block_at(x, y, 0.10F, 0.10F, 0);
}

float fraction(float value) {
    return value - std::floor(value);
}

// 1 on the face of a block, 0 in the joint, with a rounded edge.
float face(const Block& block, float joint, float bevel) {
    return smoothstep(joint / 2, joint / 2 + bevel, std::min(block.x, block.y));
}

// Raised frames, as of classic wall panels: 0 outside, a moulding along the edge of a rectangle.
float moulding(float x, float y, float width, float height) {
    const float outside = std::max(std::fabs(x) - width / 2, std::fabs(y) - height / 2);
    const float band = std::fabs(outside);
    return 0.016F * (1 - smoothstep(0.006F, 0.020F, band)) + 0.007F * (1 - smoothstep(0.018F, 0.036F, band));
}

constexpr float panel_pitch = 0.92F;

float panels_relief(float x, float y) {
    const float column = x / panel_pitch - std::floor(x / panel_pitch) - 0.5F;
    const float u = column * panel_pitch;
    const float dado = 0.013F * (1 - smoothstep(0.010F, 0.024F, std::fabs(y - 0.86F)));
    return std::max({moulding(u, y - 0.50F, 0.74F, 0.46F), moulding(u, y - 1.86F, 0.74F, 1.72F), dado});
}

float slat_within(float x) {
    return x / 0.055F - std::floor(x / 0.055F);
}

float wood_value(std::uint64_t seed, float across, float along, float blur) {
    const float bands = fractal_noise(seed, across * 26, along * 0.7F, 3);
    const float fibres = fractal_noise(seed + 5, across * 240, along * 5, 2);
    return 1 + 0.26F * (bands - 0.5F) + (blur < 0.003F ? 0.14F : 0.0F) * (fibres - 0.5F);
}

Rgb brick_color(const Wall& wall, float x, float y) {
    const Block block = brick_at(x, y);
    const float tone = chance(wall.seed, block.column, block.row);
    const float hue = chance(wall.seed + 1, block.column, block.row) - 0.5F;
    const float grit = fractal_noise(wall.seed + 2, x * 60, y * 60, 3) - 0.5F;
    const Rgb clay = Rgb{wall.base.r * (1 + 0.12F * hue), wall.base.g, wall.base.b * (1 - 0.15F * hue)} *
                     (0.76F + 0.46F * tone + 0.34F * grit);
    return mix(wall.second * (1 + 0.25F * grit), clay, face(block, 0.010F, 0.004F));
}

Rgb tile_color(const Wall& wall, const Block& block, float x, float y, float variation, float joint) {
    const float tone = chance(wall.seed, block.column, block.row) - 0.5F;
    const float glaze = fractal_noise(wall.seed + 2, x * 9, y * 9, 2) - 0.5F;
    return mix(wall.second, wall.base * (1 + variation * tone + 0.5F * variation * glaze), face(block, joint, 0.002F));
}

}  // namespace

bool Wall::has_relief() const {
    return kind != WallKind::seamless;
}

float Wall::relief(float x, float y) const {
    const float u = x / unit;
    const float v = y / unit;
    float height = 0;
    switch (kind) {
        case WallKind::seamless:
            break;
        case WallKind::plaster:
            height = 0.006F * fractal_noise(seed + 20, u * 5, v * 5, 4);
            break;
        case WallKind::concrete:
            height = 0.0035F * fractal_noise(seed + 20, u * 9, v * 9, 3);
            break;
        case WallKind::panels:
            height = panels_relief(u, v);
            break;
        case WallKind::slats: {
            const float within = slat_within(u);
            height = 0.014F * smoothstep(0.0F, 0.10F, within) * (1 - smoothstep(0.66F, 0.76F, within));
            break;
        }
        case WallKind::brick: {
            const Block block = brick_at(u, v);
            height = 0.007F * face(block, 0.010F, 0.008F) + 0.004F * fractal_noise(seed + 20, u * 45, v * 45, 3);
            break;
        }
        case WallKind::tiles: {
            const Block block = subway_at(u, v);
            height = 0.003F * face(block, 0.003F, 0.008F);
            break;
        }
        case WallKind::zellige: {
            // Hand-made: each tile leans a little its own way, which makes the glaze glitter.
            const Block block = zellige_at(u, v);
            const float lean_x = chance(seed + 8, block.column, block.row) - 0.5F;
            const float lean_y = chance(seed + 9, block.column, block.row) - 0.5F;
            height = 0.002F * face(block, 0.003F, 0.006F) +
                     0.05F * (fraction(u / 0.10F) * lean_x + fraction(v / 0.10F) * lean_y) * 0.10F +
                     0.004F * fractal_noise(seed + 20, u * 16, v * 16, 2);
            break;
        }
        case WallKind::boards: {
            const float within = u / 0.11F - std::floor(u / 0.11F);
            height = 0.006F * smoothstep(0.0F, 0.07F, std::min(within, 1 - within));
            break;
        }
    }
    return height * unit;
}

Rgb Wall::color(float x, float y, float blur) const {
    const float u = x / unit;
    const float v = y / unit;
    switch (kind) {
        case WallKind::seamless:
            return base;
        case WallKind::panels:
            return base;
        case WallKind::plaster: {
            const float cloud = fractal_noise(seed, u * 0.9F, v * 0.9F, 4) - 0.5F;
            const float brushed = fractal_noise(seed + 3, u * 5, v * 3, 3) - 0.5F;
            return base * (1 + 0.16F * cloud + 0.07F * brushed);
        }
        case WallKind::concrete: {
            const float column = u / 1.25F - std::floor(u / 1.25F);
            const float row = v / 1.25F - std::floor(v / 1.25F);
            const float to_joint = std::min(std::min(column, 1 - column), std::min(row, 1 - row)) * 1.25F;
            const float hole_x = std::min(column, 1 - column) * 1.25F - 0.22F;
            const float hole_y = std::min(row, 1 - row) * 1.25F - 0.22F;
            const float hole = 1 - smoothstep(0.011F, 0.015F, std::hypot(hole_x, hole_y));
            const float joint = 1 - smoothstep(0.002F, 0.005F, to_joint);
            const float cloud = fractal_noise(seed, u * 1.4F, v * 1.4F, 5) - 0.5F;
            const float pores = smoothstep(0.80F, 0.9F, value_noise(seed + 6, u * 90, v * 90));
            return base * (1 + 0.36F * cloud - 0.10F * pores) * (1 - 0.42F * joint - 0.55F * hole);
        }
        case WallKind::slats: {
            const float within = slat_within(u);
            const int index = static_cast<int>(std::floor(u / 0.055F));
            const std::uint64_t slat = seed + static_cast<std::uint64_t>(index + 4096) * 7919;
            const float on = smoothstep(0.0F, 0.06F, within) * (1 - smoothstep(0.70F, 0.76F, within));
            const Rgb tone =
                second * (wood_value(slat, within * 0.055F, v, blur) * (0.92F + 0.16F * chance(slat, 1, 1)));
            return mix(second * 0.10F, tone, on);
        }
        case WallKind::brick:
            return brick_color(*this, u, v);
        case WallKind::tiles:
            return tile_color(*this, subway_at(u, v), u, v, 0.06F, 0.003F);
        case WallKind::zellige:
            return tile_color(*this, zellige_at(u, v), u, v, 0.20F, 0.003F);
        case WallKind::boards: {
            const int index = static_cast<int>(std::floor(u / 0.11F));
            const float within = u / 0.11F - std::floor(u / 0.11F);
            const float gap = 1 - smoothstep(0.005F, 0.02F, std::min(within, 1 - within));
            return base * (1 + 0.05F * (chance(seed, index) - 0.5F)) * (1 - 0.25F * gap);
        }
    }
    return base;
}

}  // namespace atelier::media
