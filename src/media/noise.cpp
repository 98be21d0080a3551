#include "media/noise.hpp"

#include <cmath>

namespace atelier::media {
namespace {

std::uint64_t mixed(std::uint64_t value) {
    value ^= value >> 30;
    value *= 0xbf58476d1ce4e5b9ULL;
    value ^= value >> 27;
    value *= 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

}  // namespace

std::uint64_t seed_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return mixed(hash);
}

float chance(std::uint64_t seed, int x, int y) {
    std::uint32_t value = static_cast<std::uint32_t>(seed) ^ static_cast<std::uint32_t>(seed >> 32);
    value += static_cast<std::uint32_t>(x) * 0x9e3779b1U;
    value = (value ^ (value >> 15)) * 0x85ebca77U;
    value += static_cast<std::uint32_t>(y) * 0xc2b2ae3dU;
    value = (value ^ (value >> 13)) * 0x27d4eb2fU;
    value ^= value >> 16;
    return static_cast<float>(value >> 8) * (1.0F / 16777216.0F);
}

float value_noise(std::uint64_t seed, float x, float y) {
    const float fx = std::floor(x);
    const float fy = std::floor(y);
    const int ix = static_cast<int>(fx);
    const int iy = static_cast<int>(fy);
    const float tx = x - fx;
    const float ty = y - fy;
    const float sx = tx * tx * (3 - 2 * tx);
    const float sy = ty * ty * (3 - 2 * ty);
    const float top = chance(seed, ix, iy) + (chance(seed, ix + 1, iy) - chance(seed, ix, iy)) * sx;
    const float low = chance(seed, ix, iy + 1) + (chance(seed, ix + 1, iy + 1) - chance(seed, ix, iy + 1)) * sx;
    return top + (low - top) * sy;
}

float fractal_noise(std::uint64_t seed, float x, float y, int octaves) {
    float sum = 0;
    float weight = 0.5F;
    float total = 0;
    for (int octave = 0; octave < octaves; ++octave) {
        sum += weight * value_noise(seed + static_cast<std::uint64_t>(octave) * 0x9e3779b97f4a7c15ULL, x, y);
        total += weight;
        weight *= 0.5F;
        // A turn between octaves, or the lattice would show.
        const float turned = 1.6F * x + 1.2F * y;
        y = 1.6F * y - 1.2F * x;
        x = turned;
    }
    return sum / total;
}

}  // namespace atelier::media
