#include "media/inspiration.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "media/color.hpp"
#include "media/noise.hpp"

namespace atelier::media {
namespace {

// A sample of the photo's pixels: a part of a room needs no more.
struct Point {
    Lab lab;
    float x;  // 0 left .. 1 right
    float y;  // 0 top .. 1 bottom
};

// Pixels of about one colour.
struct Part {
    Lab lab;
    float share = 0;   // of the photo
    float height = 0;  // mean y of its pixels
    float chroma() const { return std::hypot(lab.a, lab.b); }
};

constexpr std::size_t most_parts = 7;
constexpr int sample_side = 120;

std::vector<Point> sampled(const Picture& photo) {
    std::vector<Point> points;
    const int step = std::max(1, std::max(photo.width(), photo.height()) / sample_side);
    for (int y = step / 2; y < photo.height(); y += step) {
        for (int x = step / 2; x < photo.width(); x += step) {
            points.push_back({to_lab(photo(x, y)), (static_cast<float>(x) + 0.5F) / static_cast<float>(photo.width()),
                              (static_cast<float>(y) + 0.5F) / static_cast<float>(photo.height())});
        }
    }
    return points;
}

std::size_t nearest(const std::vector<Part>& parts, Lab lab) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        if (distance(parts[i].lab, lab) < distance(parts[best].lab, lab)) best = i;
    }
    return best;
}

// k-means that starts from colours far apart, so that a small but vivid part is one of its own.
std::vector<Part> parts_of(const std::vector<Point>& points) {
    std::vector<Part> parts{{points[points.size() / 2].lab, 0, 0}};
    std::vector<float> away(points.size(), 1e9F);
    while (parts.size() < most_parts) {
        std::size_t farthest = 0;
        for (std::size_t i = 0; i < points.size(); ++i) {
            away[i] = std::min(away[i], distance(points[i].lab, parts.back().lab));
            if (away[i] > away[farthest]) farthest = i;
        }
        if (away[farthest] < 12) break;
        parts.push_back({points[farthest].lab, 0, 0});
    }
    for (int round = 0; round < 8; ++round) {
        std::vector<Part> sums(parts.size());
        for (const Point& point : points) {
            Part& sum = sums[nearest(parts, point.lab)];
            sum.lab = {sum.lab.l + point.lab.l, sum.lab.a + point.lab.a, sum.lab.b + point.lab.b};
            sum.height += point.y;
            sum.share += 1;
        }
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const float count = sums[i].share;
            if (count < 1) continue;
            parts[i] = {{sums[i].lab.l / count, sums[i].lab.a / count, sums[i].lab.b / count},
                        count / static_cast<float>(points.size()),
                        sums[i].height / count};
        }
    }
    return parts;
}

template <class Score>
const Part& best_part(const std::vector<Part>& parts, const Score& score) {
    return *std::max_element(parts.begin(), parts.end(),
                             [&](const Part& x, const Part& y) { return score(x) < score(y); });
}

void assign_parts(const std::vector<Part>& parts, Inspiration& result) {
    const Part& wall = best_part(
        parts, [](const Part& part) { return part.share * (0.15F + part.lab.l / 100) * (1.25F - part.height); });
    // A photo of one colour gives a ground of the same, which the palette then makes darker.
    const Part& ground = best_part(parts, [&](const Part& part) {
        const float apart = smoothstep(8, 26, distance(part.lab, wall.lab));
        // What lies in black shade has no colour to give.
        const float shown = 0.08F + smoothstep(6, 28, part.lab.l);
        return part.share * shown * (1.25F - part.lab.l / 100) * (0.3F + part.height) * apart *
               (0.5F + part.chroma() / 30);
    });
    const Part& accent = best_part(parts, [&](const Part& part) {
        const float apart = std::min(distance(part.lab, wall.lab), distance(part.lab, ground.lab));
        const float seen = smoothstep(0.002F, 0.02F, part.share);
        return part.chroma() * seen * (0.4F + std::sqrt(part.share)) * (0.3F + smoothstep(6, 30, apart));
    });
    result.wall = from_lab(wall.lab);
    result.ground = from_lab(ground.lab);
    result.accent = from_lab(accent.lab);
}

// The mean hue of some points as a light of luminance 1, no stronger than a lamp or a blue hour would be.
Rgb tinge(const std::vector<Point>& points, std::size_t from, std::size_t to, float most_chroma) {
    float a = 0;
    float b = 0;
    for (std::size_t i = from; i < to; ++i) {
        a += points[i].lab.a;
        b += points[i].lab.b;
    }
    const auto count = static_cast<float>(std::max<std::size_t>(1, to - from));
    const float chroma = std::hypot(a, b) / count;
    const float kept = std::min(1.0F, most_chroma / std::max(chroma, 1e-3F)) / count;
    const Rgb color = from_lab({80, a * kept, b * kept});
    return color * (1 / luminance(color));
}

void measure_light(std::vector<Point> points, Inspiration& result) {
    const auto count = static_cast<float>(points.size());
    float sum = 0;
    float squares = 0;
    float warm = 0;
    float chroma = 0;
    std::array<float, 2> sides{};
    std::array<float, 2> counts{};
    for (const Point& point : points) {
        sum += point.lab.l;
        squares += point.lab.l * point.lab.l;
        warm += point.lab.b + 0.5F * point.lab.a;
        chroma += std::hypot(point.lab.a, point.lab.b);
        if (point.x > 0.38F && point.x < 0.62F) continue;
        sides[point.x > 0.5F ? 1 : 0] += point.lab.l;
        counts[point.x > 0.5F ? 1 : 0] += 1;
    }
    const float mean = sum / count;
    result.brightness = clamp01(mean / 100);
    result.contrast = clamp01(std::sqrt(std::max(0.0F, squares / count - mean * mean)) / 34);
    result.warmth = std::clamp(warm / count / 18, -1.0F, 1.0F);
    result.colorfulness = clamp01(chroma / count / 40);
    if (counts[0] > 0 && counts[1] > 0)
        result.side = std::clamp((sides[1] / counts[1] - sides[0] / counts[0]) / 16, -1.0F, 1.0F);
    std::sort(points.begin(), points.end(), [](const Point& x, const Point& y) { return x.lab.l < y.lab.l; });
    result.shade = tinge(points, 0, points.size() / 2, 9);
    // The very brightest are often burnt out and tell no colour.
    result.key = tinge(points, points.size() * 78 / 100, points.size() * 97 / 100, 26);
}

Rgb mean_of_middle(const std::vector<Point>& points) {
    Lab sum;
    float count = 0;
    for (const Point& point : points) {
        if (point.x < 0.3F || point.x > 0.7F || point.y < 0.25F || point.y > 0.8F) continue;
        sum = {sum.l + point.lab.l, sum.a + point.lab.a, sum.b + point.lab.b};
        count += 1;
    }
    if (count < 1) return from_lab(points.front().lab);
    return from_lab({sum.l / count, sum.a / count, sum.b / count});
}

}  // namespace

Inspiration study(const Picture& photo, std::string_view bytes) {
    const std::vector<Point> points = sampled(photo);
    Inspiration result;
    result.seed = seed_of(bytes);
    result.middle = mean_of_middle(points);
    assign_parts(parts_of(points), result);
    measure_light(points, result);
    return result;
}

}  // namespace atelier::media
