#include "media/ground.hpp"

#include <cmath>

#include "media/noise.hpp"

namespace atelier::media {
namespace {

struct Cell {
    int index;
    float within;  // 0..1
};

Cell cell(float value) {
    const float whole = std::floor(value);
    return {static_cast<int>(whole), value - whole};
}

// How much of a pixel that covers `blur` lies on a joint of `width`, `off` away from its middle.
float joint(float off, float width, float blur) {
    const float reach = std::max(width, blur) / 2;
    return std::min(1.0F, width / std::max(width, blur)) *
           (1 - smoothstep(reach * 0.6F, reach * 1.4F + 1e-6F, std::fabs(off)));
}

float edge_distance(float within, float size) {
    return std::min(within, 1 - within) * size;
}

// Detail of this size fades out before it is finer than the pixels.
float visible(float size, float blur) {
    return 1 - smoothstep(0.35F * size, 1.1F * size, blur);
}

// Wood of one board: growth rings cut lengthwise, which draw long flames; fibres, pores, a tone of its own.
Rgb wood(const Ground& ground, float across, float along, std::uint64_t board, float blur, float contrast) {
    const float shift = chance(board, 5, 1);
    const float flame = fractal_noise(board + 11, along * 0.8F, across * 7 + shift * 9, 3);
    const float ring = (across * (16 + 12 * shift) + 3.2F * flame) * 6.2832F;
    const float rings = 0.5F + 0.5F * std::sin(ring + 0.6F * std::sin(ring));
    const float bands = fractal_noise(board, across * 14, along * 0.5F, 2);
    const float fibres = fractal_noise(board + 5, across * 240, along * 7, 2);
    const float pores = smoothstep(0.66F, 0.84F, value_noise(board + 9, across * 380, along * 16));
    const float tone = chance(board, 3, 1) - 0.5F;
    const float seen = visible(0.02F, blur);
    float value =
        1 + contrast * (0.22F * (bands - 0.5F) + 0.26F * tone - 0.15F * seen * rings * rings * (0.4F + flame));
    value += contrast * visible(0.005F, blur) * (0.24F * (fibres - 0.5F) - 0.20F * pores);
    const float warmth = contrast * (0.14F * (chance(board, 9, 2) - 0.5F) + 0.10F * seen * (rings - 0.5F));
    return Rgb{ground.base.r * (1 + 0.35F * warmth), ground.base.g, ground.base.b * (1 - 0.9F * warmth)} * value;
}

Rgb planks(const Ground& ground, float x, float z, float blur, float width, float length, float gap, float contrast) {
    const Cell row = cell(x / width);
    const Cell piece = cell(z / length + chance(ground.seed, row.index, 5) * 4);
    const std::uint64_t board = ground.seed + static_cast<std::uint64_t>(row.index + 4096) * 7919 +
                                static_cast<std::uint64_t>(piece.index + 4096) * 104729;
    const Rgb color = wood(ground, row.within * width, z + chance(board, 1, 1) * 20, board, blur, contrast);
    const float seam = std::max(joint(edge_distance(row.within, width), gap, blur),
                                joint(edge_distance(piece.within, length), gap, blur));
    return mix(color, ground.second, 0.75F * seam);
}

Rgb herringbone(const Ground& ground, float x, float z, float blur) {
    constexpr float width = 0.09F;
    constexpr int ratio = 5;  // length of a block over its width
    const float u = (x + z) * 0.70711F / width;
    const float v = (z - x) * 0.70711F / width;
    const Cell i = cell(u);
    const Cell j = cell(v);
    const int diagonal = ((i.index - j.index) % (2 * ratio) + 2 * ratio) % (2 * ratio);
    const bool lying = diagonal < ratio;
    const int along = lying ? diagonal : diagonal - ratio;
    const int block_i = lying ? i.index - along : i.index;
    const int block_j = lying ? j.index : j.index + along - ratio + 1;
    const float across_within = lying ? j.within : i.within;
    const float along_within =
        (static_cast<float>(lying ? along : ratio - 1 - along) + (lying ? i.within : j.within)) / ratio;
    const std::uint64_t board = ground.seed + static_cast<std::uint64_t>(block_i + 4096) * 7919 +
                                static_cast<std::uint64_t>(block_j + 4096) * 104729 + (lying ? 1 : 0);
    Rgb color = wood(ground, across_within * width, along_within * width * ratio + chance(board, 1, 1) * 20, board,
                     blur, 0.75F);
    // The two directions of the fibres throw the light back differently.
    color = color * (lying ? 1.035F : 0.965F);
    const float seam = std::max(joint(edge_distance(across_within, width), 0.002F, blur),
                                joint(edge_distance(along_within, width * ratio), 0.002F, blur));
    return mix(color, ground.second, 0.7F * seam);
}

float veins(std::uint64_t seed, float x, float z, float width) {
    const float warp_x = fractal_noise(seed + 1, x * 1.7F, z * 1.7F, 3) - 0.5F;
    const float warp_z = fractal_noise(seed + 2, x * 1.7F, z * 1.7F, 3) - 0.5F;
    const float field = fractal_noise(seed + 3, x * 1.1F + warp_x * 2.4F, z * 1.1F + warp_z * 2.4F, 3);
    return 1 - smoothstep(0, width, std::fabs(field - 0.5F));
}

Rgb marble(const Ground& ground, float x, float z) {
    const float cloud = fractal_noise(ground.seed + 7, x * 2, z * 2, 3);
    const float strong =
        veins(ground.seed, x, z, 0.028F) * smoothstep(0.35F, 0.7F, fractal_noise(ground.seed + 8, x, z, 2));
    const float fine = veins(ground.seed + 40, x * 2.3F, z * 2.3F, 0.02F);
    return mix(ground.base * (0.95F + 0.1F * cloud), ground.second, clamp01(0.45F * strong + 0.16F * fine));
}

Rgb mottled(const Ground& ground, float x, float z, float blur, float strength) {
    const float large = fractal_noise(ground.seed, x * 1.1F, z * 1.1F, 4);
    const float middle = fractal_noise(ground.seed + 3, x * 7, z * 7, 3);
    const float fine = value_noise(ground.seed + 5, x * 160, z * 160);
    const float value =
        1 + strength * (0.9F * (large - 0.5F) + 0.4F * (middle - 0.5F) + 0.16F * (fine - 0.5F) * visible(0.006F, blur));
    return ground.base * value;
}

Rgb tiles(const Ground& ground, float x, float z, float blur_x, float blur_z, float size, bool checker) {
    const Cell column = cell(x / size);
    const Cell row = cell(z / size);
    const float tone = chance(ground.seed, column.index, row.index) - 0.5F;
    const bool dark = checker && (column.index + row.index) % 2 != 0;
    Ground tile = ground;
    if (dark) tile.base = ground.second;
    tile.seed += static_cast<std::uint64_t>(column.index * 31 + row.index * 17 + 4096);
    const Rgb color = mottled(tile, x, z, std::max(blur_x, blur_z), 0.16F) * (1 + 0.05F * tone);
    const float seam = std::max(joint(edge_distance(column.within, size), 0.004F, blur_x),
                                joint(edge_distance(row.within, size), 0.004F, blur_z));
    return mix(color, checker ? ground.base * 0.55F : ground.second, 0.7F * seam);
}

Rgb terrazzo(const Ground& ground, float x, float z, float blur) {
    constexpr float size = 0.022F;
    const Cell column = cell(x / size);
    const Cell row = cell(z / size);
    Rgb color = mottled(ground, x, z, blur, 0.08F);
    for (int dz = -1; dz <= 1; ++dz) {
        for (int dx = -1; dx <= 1; ++dx) {
            const int i = column.index + dx;
            const int j = row.index + dz;
            const float radius = 0.12F + 0.42F * chance(ground.seed + 2, i, j);
            const float off_x = (column.within - static_cast<float>(dx) - chance(ground.seed, i, j)) *
                                (0.8F + 0.7F * chance(ground.seed + 3, i, j));
            const float off_z = (row.within - static_cast<float>(dz) - chance(ground.seed + 1, i, j)) *
                                (0.8F + 0.7F * chance(ground.seed + 4, i, j));
            const float soft = std::max(0.08F, blur / size);
            const float chip = 1 - smoothstep(radius - soft, radius + soft, std::fabs(off_x) + std::fabs(off_z) * 0.8F);
            const float kind = chance(ground.seed + 5, i, j);
            const Rgb tone = kind < 0.4F ? ground.second : kind < 0.75F ? ground.base * 0.62F : ground.base * 1.18F;
            color = mix(color, tone, 0.8F * chip);
        }
    }
    return color;
}

Rgb woven(const Ground& ground, float x, float z, float blur, float thread) {
    const float warp = 0.5F + 0.5F * std::sin(x / thread * 6.2832F);
    const float weft = 0.5F + 0.5F * std::sin(z / thread * 6.2832F);
    const float slub = fractal_noise(ground.seed, x / thread * 0.06F, z / thread * 0.7F, 2) +
                       fractal_noise(ground.seed + 1, x / thread * 0.7F, z / thread * 0.06F, 2) - 1;
    const float folds = fractal_noise(ground.seed + 4, x * 3, z * 3, 2) - 0.5F;
    const float seen = visible(thread, blur);
    return ground.base *
           (1 + 0.16F * folds + 0.10F * slub * visible(thread * 6, blur) + seen * 0.12F * (warp * weft - 0.25F));
}

}  // namespace

Rgb Ground::color(float x, float z, float blur_x, float blur_z) const {
    const float u = x / unit;
    const float v = z / unit;
    const float blur_u = blur_x / unit;
    const float blur_v = blur_z / unit;
    const float blur = std::max(blur_u, blur_v);
    switch (kind) {
        case GroundKind::seamless:
            return base;
        case GroundKind::planks:
            return planks(*this, u, v, blur_u, 0.16F, 1.9F, 0.003F, 0.8F);
        case GroundKind::herringbone:
            return herringbone(*this, u, v, blur_u);
        case GroundKind::board:
            return planks(*this, v, u, blur_v, 0.13F, 9, 0.0012F, 0.85F);
        case GroundKind::deck:
            return planks(*this, v, u, blur_v, 0.125F, 4, 0.009F, 0.9F);
        case GroundKind::tiles:
            return tiles(*this, u, v, blur_u, blur_v, 0.6F, false);
        case GroundKind::checker:
            return tiles(*this, u, v, blur_u, blur_v, 0.3F, true);
        case GroundKind::marble:
            return marble(*this, u, v);
        case GroundKind::stone:
            return mottled(*this, u, v, blur, 0.5F);
        case GroundKind::concrete:
            return mottled(*this, u, v, blur, 0.34F);
        case GroundKind::terrazzo:
            return terrazzo(*this, u, v, blur);
        case GroundKind::carpet:
            return woven(*this, u, v, blur, 0.011F);
        case GroundKind::linen:
            return woven(*this, u, v, blur, 0.004F);
    }
    return base;
}

}  // namespace atelier::media
