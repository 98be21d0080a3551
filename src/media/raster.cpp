#include "media/raster.hpp"

#include <cmath>

namespace atelier::media {
namespace {

// Radius of each of three boxes whose sum is close to a Gaussian of this sigma.
int box_radius(float sigma) {
    return std::max(1, static_cast<int>(std::lround(std::sqrt(4 * sigma * sigma + 1) / 2 - 0.5F)));
}

template <class T>
void box_rows(const Grid<T>& source, Grid<T>& target, int radius) {
    const int width = source.width();
    const float share = 1.0F / static_cast<float>(2 * radius + 1);
    for (int y = 0; y < source.height(); ++y) {
        const T* in = source.row(y);
        T* out = target.row(y);
        T sum{};
        for (int x = -radius; x <= radius; ++x)
            sum = sum + in[std::clamp(x, 0, width - 1)];
        for (int x = 0; x < width; ++x) {
            out[x] = sum * share;
            sum = sum + in[std::min(x + radius + 1, width - 1)] - in[std::max(x - radius, 0)];
        }
    }
}

// Whole rows are summed at a time, so that memory is read in order.
template <class T>
void box_columns(const Grid<T>& source, Grid<T>& target, int radius) {
    const int width = source.width();
    const int height = source.height();
    const float share = 1.0F / static_cast<float>(2 * radius + 1);
    std::vector<T> sum(static_cast<std::size_t>(width));
    for (int y = -radius; y <= radius; ++y) {
        const T* in = source.row(std::clamp(y, 0, height - 1));
        for (int x = 0; x < width; ++x)
            sum[static_cast<std::size_t>(x)] = sum[static_cast<std::size_t>(x)] + in[x];
    }
    for (int y = 0; y < height; ++y) {
        T* out = target.row(y);
        const T* enters = source.row(std::min(y + radius + 1, height - 1));
        const T* leaves = source.row(std::max(y - radius, 0));
        for (int x = 0; x < width; ++x) {
            T& total = sum[static_cast<std::size_t>(x)];
            out[x] = total * share;
            total = total + enters[x] - leaves[x];
        }
    }
}

template <class T>
Grid<T> blur(const Grid<T>& source, float sigma) {
    if (sigma < 0.4F || source.empty()) return source;
    const int radius = box_radius(sigma);
    Grid<T> one(source.width(), source.height());
    Grid<T> two = source;
    for (int pass = 0; pass < 3; ++pass) {
        box_rows(two, one, radius);
        box_columns(one, two, radius);
    }
    return two;
}

struct Tap {
    int first;
    std::vector<float> weights;
};

float catmull_rom(float t) {
    t = std::fabs(t);
    if (t < 1) return 1.5F * t * t * t - 2.5F * t * t + 1;
    if (t < 2) return -0.5F * t * t * t + 2.5F * t * t - 4 * t + 2;
    return 0;
}

std::vector<Tap> taps(int from, int to) {
    const float ratio = static_cast<float>(from) / static_cast<float>(to);
    const float spread = std::max(1.0F, ratio);
    std::vector<Tap> result;
    for (int i = 0; i < to; ++i) {
        const float center = (static_cast<float>(i) + 0.5F) * ratio - 0.5F;
        Tap tap{static_cast<int>(std::ceil(center - 2 * spread)), {}};
        float total = 0;
        for (int k = tap.first; static_cast<float>(k) <= center + 2 * spread; ++k) {
            tap.weights.push_back(catmull_rom((static_cast<float>(k) - center) / spread));
            total += tap.weights.back();
        }
        for (float& weight : tap.weights)
            weight /= total;
        result.push_back(std::move(tap));
    }
    return result;
}

template <class T>
Grid<T> resize(const Grid<T>& source, int width, int height) {
    const auto across = taps(source.width(), width);
    Grid<T> wide(width, source.height());
    for (int y = 0; y < source.height(); ++y) {
        const T* in = source.row(y);
        for (int x = 0; x < width; ++x) {
            const Tap& tap = across[static_cast<std::size_t>(x)];
            T sum{};
            int k = tap.first;
            for (const float weight : tap.weights)
                sum = sum + in[std::clamp(k++, 0, source.width() - 1)] * weight;
            wide(x, y) = sum;
        }
    }
    const auto down = taps(source.height(), height);
    Grid<T> result(width, height);
    for (int y = 0; y < height; ++y) {
        const Tap& tap = down[static_cast<std::size_t>(y)];
        T* out = result.row(y);
        int k = tap.first;
        for (const float weight : tap.weights) {
            const T* in = wide.row(std::clamp(k++, 0, source.height() - 1));
            for (int x = 0; x < width; ++x)
                out[x] = out[x] + in[x] * weight;
        }
    }
    return result;
}

}  // namespace

Mask blurred(const Mask& source, float sigma) {
    return blur(source, sigma);
}
Picture blurred(const Picture& source, float sigma) {
    return blur(source, sigma);
}

float sample(const Mask& source, float x, float y, float outside) {
    if (!(x > -1 && y > -1 && x < static_cast<float>(source.width()) && y < static_cast<float>(source.height()))) {
        return outside;
    }
    const int left = static_cast<int>(std::floor(x));
    const int top = static_cast<int>(std::floor(y));
    const float fx = x - static_cast<float>(left);
    const float fy = y - static_cast<float>(top);
    const auto cell = [&](int cx, int cy) { return source.contains(cx, cy) ? source(cx, cy) : outside; };
    return mix(mix(cell(left, top), cell(left + 1, top), fx), mix(cell(left, top + 1), cell(left + 1, top + 1), fx),
               fy);
}

Rgb sample(const Picture& source, float x, float y) {
    x = std::clamp(x, 0.0F, static_cast<float>(source.width() - 1));
    y = std::clamp(y, 0.0F, static_cast<float>(source.height() - 1));
    const int left = static_cast<int>(x);
    const int top = static_cast<int>(y);
    const float fx = x - static_cast<float>(left);
    const float fy = y - static_cast<float>(top);
    return mix(mix(source.clamped(left, top), source.clamped(left + 1, top), fx),
               mix(source.clamped(left, top + 1), source.clamped(left + 1, top + 1), fx), fy);
}

Mask resized(const Mask& source, int width, int height) {
    return resize(source, width, height);
}
Picture resized(const Picture& source, int width, int height) {
    return resize(source, width, height);
}

}  // namespace atelier::media
