#include "media/backdrop.hpp"

#include <cmath>
#include <utility>

namespace atelier::media {

// Least squares over pixels: normal equations, solved by elimination with pivots.
class SurfaceFit {
  public:
    explicit SurfaceFit(const Backdrop& backdrop) : backdrop_(backdrop) {}

    void add(int x, int y, Rgb color) {
        const auto row = backdrop_.basis(x, y);
        for (std::size_t i = 0; i < terms; ++i) {
            for (std::size_t j = 0; j < terms; ++j)
                matrix_[i][j] += row[i] * row[j];
            right_[i][0] += row[i] * static_cast<double>(color.r);
            right_[i][1] += row[i] * static_cast<double>(color.g);
            right_[i][2] += row[i] * static_cast<double>(color.b);
        }
        ++count_;
    }

    std::size_t count() const { return count_; }

    Backdrop::Surface solve() {
        // A touch of ridge keeps a thin or one-sided set of points solvable.
        for (std::size_t i = 1; i < terms; ++i)
            matrix_[i][i] += 1e-3 * static_cast<double>(count_);
        for (std::size_t pivot = 0; pivot < terms; ++pivot) {
            std::size_t best = pivot;
            for (std::size_t i = pivot + 1; i < terms; ++i) {
                if (std::abs(matrix_[i][pivot]) > std::abs(matrix_[best][pivot])) best = i;
            }
            std::swap(matrix_[pivot], matrix_[best]);
            std::swap(right_[pivot], right_[best]);
            for (std::size_t i = 0; i < terms; ++i) {
                if (i == pivot) continue;
                const double factor = matrix_[i][pivot] / matrix_[pivot][pivot];
                for (std::size_t j = pivot; j < terms; ++j)
                    matrix_[i][j] -= factor * matrix_[pivot][j];
                for (std::size_t c = 0; c < 3; ++c)
                    right_[i][c] -= factor * right_[pivot][c];
            }
        }
        Backdrop::Surface surface{};
        for (std::size_t i = 0; i < terms; ++i) {
            for (std::size_t c = 0; c < 3; ++c)
                surface[c][i] = right_[i][c] / matrix_[i][i];
        }
        return surface;
    }

  private:
    static constexpr std::size_t terms = Backdrop::terms;
    const Backdrop& backdrop_;
    std::array<std::array<double, terms>, terms> matrix_{};
    std::array<std::array<double, 3>, terms> right_{};
    std::size_t count_ = 0;
};

namespace {

struct Point {
    int x;
    int y;
};

std::vector<Point> border_points(int width, int height) {
    const int band = std::max(2, std::min(width, height) / 60);
    std::vector<Point> points;
    for (int y = 0; y < height; ++y) {
        const bool whole_row = y < band || y >= height - band;
        for (int x = 0; x < width; ++x) {
            if (whole_row || x < band || x >= width - band) points.push_back({x, y});
        }
    }
    return points;
}

float median(std::vector<float> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

}  // namespace

Lab lab_of_encoded(Rgb encoded) {
    return to_lab({to_linear(encoded.r), to_linear(encoded.g), to_linear(encoded.b)});
}

std::array<double, 6> Backdrop::basis(int x, int y) const {
    const double u = 2.0 * x / width_ - 1;
    const double v = 2.0 * y / height_ - 1;
    return {1, u, v, u * u, u * v, v * v};
}

Rgb Backdrop::at(int x, int y) const {
    const auto row = basis(x, y);
    std::array<float, 3> channel{};
    for (std::size_t c = 0; c < 3; ++c) {
        double sum = 0;
        for (std::size_t i = 0; i < terms; ++i)
            sum += surface_[c][i] * row[i];
        channel[c] = clamp01(static_cast<float>(sum));
    }
    return {channel[0], channel[1], channel[2]};
}

std::optional<Backdrop> Backdrop::of_border(const Picture& encoded, const Grid<Lab>& lab) {
    Backdrop backdrop;
    backdrop.width_ = encoded.width();
    backdrop.height_ = encoded.height();
    const auto points = border_points(encoded.width(), encoded.height());
    std::vector<float> red, green, blue;
    for (const auto [x, y] : points) {
        red.push_back(encoded(x, y).r);
        green.push_back(encoded(x, y).g);
        blue.push_back(encoded(x, y).b);
    }
    const Rgb middle{median(red), median(green), median(blue)};
    backdrop.surface_[0][0] = static_cast<double>(middle.r);
    backdrop.surface_[1][0] = static_cast<double>(middle.g);
    backdrop.surface_[2][0] = static_cast<double>(middle.b);

    // Points that the surface misses are left out of the next fit: a product may reach into the border.
    std::vector<float> near;
    for (const float reach : {24.0F, 10.0F, 7.0F, 7.0F}) {
        SurfaceFit fit(backdrop);
        near.clear();
        for (const auto [x, y] : points) {
            const float off = distance(lab(x, y), lab_of_encoded(backdrop.at(x, y)));
            if (off >= reach) continue;
            near.push_back(off);
            fit.add(x, y, encoded(x, y));
        }
        if (static_cast<double>(near.size()) < 0.7 * static_cast<double>(points.size())) return std::nullopt;
        backdrop.surface_ = fit.solve();
    }
    const auto ninth = near.begin() + static_cast<std::ptrdiff_t>(near.size() * 9 / 10);
    std::nth_element(near.begin(), ninth, near.end());
    backdrop.spread_ = *ninth;
    return backdrop;
}

void Backdrop::refine(const Picture& encoded, const Grid<unsigned char>& is_background) {
    SurfaceFit fit(*this);
    for (int y = 0; y < encoded.height(); y += 2) {
        for (int x = 0; x < encoded.width(); x += 2) {
            if (is_background(x, y) == 1) fit.add(x, y, encoded(x, y));
        }
    }
    if (fit.count() > encoded.size() / 40) surface_ = fit.solve();
}

}  // namespace atelier::media
