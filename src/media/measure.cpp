#include "media/measure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "media/color.hpp"
#include "media/inspect.hpp"
#include "media/measured_words.hpp"
#include "media/palette.hpp"
#include "media/report.hpp"

namespace atelier::media {
namespace {

using core::Json;

constexpr int looked_at_side = 256;
constexpr std::size_t most_colors = 6;
constexpr float least_share = 0.01F;
constexpr float tail = 0.05F;

// Of what is not clear.
std::vector<Lab> visible_pixels(const Photo& photo) {
    std::vector<Lab> pixels;
    pixels.reserve(photo.color.size());
    for (std::size_t i = 0; i < photo.color.size(); ++i) {
        if (photo.alpha.empty() || photo.alpha.cells()[i] >= 0.5F) pixels.push_back(to_lab(photo.color.cells()[i]));
    }
    return pixels;
}

LightMeasures measure_light(const std::vector<Lab>& pixels) {
    std::vector<float> lightness;
    double sum_l = 0;
    double sum_b = 0;
    for (const Lab& pixel : pixels) {
        lightness.push_back(pixel.l);
        sum_l += pixel.l;
        sum_b += pixel.b;
    }
    std::sort(lightness.begin(), lightness.end());
    const auto at = [&](float share) {
        return lightness[static_cast<std::size_t>(share * static_cast<float>(lightness.size() - 1))];
    };
    const auto count = static_cast<double>(pixels.size());
    return {clamp01(static_cast<float>(sum_l / count) / 100), clamp01((at(1 - tail) - at(tail)) / 100),
            static_cast<float>(sum_b / count)};
}

// Each pixel counts for the colour that it looks most like.
std::vector<Rgb> measure_palette(const Photo& photo, const std::vector<Lab>& pixels) {
    const auto colors = dominant_colors(photo.color, photo.alpha.empty() ? nullptr : &photo.alpha, most_colors);
    std::array<Lab, most_colors> labs{};
    std::array<std::size_t, most_colors> counts{};
    std::transform(colors.begin(), colors.end(), labs.begin(), to_lab);
    for (const Lab& pixel : pixels) {
        const auto nearest =
            std::min_element(labs.begin(), labs.begin() + static_cast<std::ptrdiff_t>(colors.size()),
                             [&](const Lab& x, const Lab& y) { return distance(pixel, x) < distance(pixel, y); });
        ++counts[static_cast<std::size_t>(nearest - labs.begin())];
    }
    std::vector<Rgb> palette;
    for (std::size_t i = 0; i < colors.size(); ++i) {
        const float share = static_cast<float>(counts[i]) / static_cast<float>(pixels.size());
        if (share >= least_share) palette.push_back(colors[i]);
    }
    return palette;
}

double rounded(float value) {
    return std::round(static_cast<double>(value) * 1000) / 1000;
}

Json measures_of(const Header& header, const Photo& photo, const std::vector<Lab>& pixels) {
    const LightMeasures light = measure_light(pixels);
    Json palette = Json::array();
    for (const Rgb color : measure_palette(photo, pixels))
        palette.push_back(to_hex(color));
    return {{"brightness", rounded(light.brightness)},
            {"contrast", rounded(light.contrast)},
            {"orientation", orientation_word(header.width, header.height)},
            {"colorPalette", std::move(palette)},
            {"lighting", lighting_word(light)},
            {"colorScheme", color_scheme_word(pixels)}};
}

}  // namespace

Json measure(std::string_view bytes, const Limits& limits) {
    const auto header = read_header(bytes, limits);
    if (!header) return failure_report(header.error());
    const auto photo = read_photo(bytes, looked_at_side);
    if (!photo) return failure_report(photo.error());
    const auto pixels = visible_pixels(*photo);
    if (pixels.empty()) {
        return failure_report({core::ErrorClass::invalid_request, "the picture is clear all over: nothing to measure"});
    }
    return success_report({std::string(header->mime), header->width, header->height, bytes.size(), sha256_hex(bytes),
                           measures_of(*header, *photo, pixels)});
}

}  // namespace atelier::media
