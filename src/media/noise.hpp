#pragma once
// Chance that can be repeated: everything here is a pure function of a seed and a position.

#include <cstdint>
#include <string_view>

namespace atelier::media {

// 64 bits that stand for a text (FNV-1a, mixed).
std::uint64_t seed_of(std::string_view text);

// 0 <= result < 1, for a lattice point.
float chance(std::uint64_t seed, int x, int y = 0);

// Smooth value noise, 0..1, features of the size 1.
float value_noise(std::uint64_t seed, float x, float y);

// Sum of `octaves` noises, each half the size and strength of the one before; 0..1, mean one half.
float fractal_noise(std::uint64_t seed, float x, float y, int octaves);

// Draws of one sequence, for layout decisions.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : seed_(seed) {}
    float between(float low, float high) { return low + (high - low) * chance(seed_, next_++, 7); }
    int below(int count) { return static_cast<int>(between(0, static_cast<float>(count))); }

  private:
    std::uint64_t seed_;
    int next_ = 0;
};

}  // namespace atelier::media
