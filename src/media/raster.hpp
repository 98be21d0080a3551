#pragma once
// Pictures in memory: a rectangle of values, row by row. Colours are linear light with sRGB primaries, 0 black, 1 the
// white of the screen; what is brighter than 1 is rolled off when the picture is finished.

#include <algorithm>
#include <cstddef>
#include <vector>

namespace atelier::media {

struct Rgb {
    float r = 0;
    float g = 0;
    float b = 0;

    friend constexpr Rgb operator+(Rgb x, Rgb y) { return {x.r + y.r, x.g + y.g, x.b + y.b}; }
    friend constexpr Rgb operator-(Rgb x, Rgb y) { return {x.r - y.r, x.g - y.g, x.b - y.b}; }
    friend constexpr Rgb operator*(Rgb x, Rgb y) { return {x.r * y.r, x.g * y.g, x.b * y.b}; }
    friend constexpr Rgb operator*(Rgb x, float k) { return {x.r * k, x.g * k, x.b * k}; }
};

constexpr float mix(float from, float to, float share) {
    return from + (to - from) * share;
}
constexpr Rgb mix(Rgb from, Rgb to, float share) {
    return from + (to - from) * share;
}
constexpr float clamp01(float value) {
    return std::clamp(value, 0.0F, 1.0F);
}

// 0 up to `low`, 1 from `high`, an S-curve between. low < high.
constexpr float smoothstep(float low, float high, float value) {
    const float t = clamp01((value - low) / (high - low));
    return t * t * (3 - 2 * t);
}

template <class T>
class Grid {
  public:
    Grid() = default;
    Grid(int width, int height, T value = {})
        : width_(width),
          height_(height),
          cells_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), value) {}

    int width() const { return width_; }
    int height() const { return height_; }
    bool empty() const { return cells_.empty(); }
    std::size_t size() const { return cells_.size(); }

    T& operator()(int x, int y) { return cells_[index(x, y)]; }
    const T& operator()(int x, int y) const { return cells_[index(x, y)]; }
    T* row(int y) { return cells_.data() + index(0, y); }
    const T* row(int y) const { return cells_.data() + index(0, y); }
    const T& clamped(int x, int y) const {
        return (*this)(std::clamp(x, 0, width_ - 1), std::clamp(y, 0, height_ - 1));
    }
    bool contains(int x, int y) const { return x >= 0 && y >= 0 && x < width_ && y < height_; }
    std::vector<T>& cells() { return cells_; }
    const std::vector<T>& cells() const { return cells_; }

  private:
    std::size_t index(int x, int y) const {
        return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x);
    }

    int width_ = 0;
    int height_ = 0;
    std::vector<T> cells_;
};

using Picture = Grid<Rgb>;
using Mask = Grid<float>;

// A picture of something cut out: the colour is not multiplied by its cover (0 clear, 1 solid).
struct Cutout {
    Picture color;
    Mask cover;
};

// Gaussian blur (three box passes; the edge is repeated). A sigma below 0.4 pixels changes nothing.
Mask blurred(const Mask& source, float sigma);
Picture blurred(const Picture& source, float sigma);

// The value between four cells; outside, `outside` or the edge.
float sample(const Mask& source, float x, float y, float outside);
Rgb sample(const Picture& source, float x, float y);

// Another size. Down: area average; up: Catmull-Rom, which keeps edges crisp.
Mask resized(const Mask& source, int width, int height);
Picture resized(const Picture& source, int width, int height);

}  // namespace atelier::media
