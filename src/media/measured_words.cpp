#include "media/measured_words.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "media/color.hpp"

namespace atelier::media {
namespace {

constexpr std::string_view unspecified = "unspecified";

struct Tone {
    float l = 0;
    float chroma = 0;
    float hue = 0;  // degrees, -180..180
};

Tone tone_of(const Lab& lab) {
    const float hue = std::atan2(lab.b, lab.a) * 180 / std::numbers::pi_v<float>;
    return {lab.l, std::hypot(lab.a, lab.b), hue};
}

// What of the colours is so; 0..1.
template <class Test>
float share_of(const std::vector<Tone>& tones, const Test& test) {
    return static_cast<float>(std::count_if(tones.begin(), tones.end(), test)) / static_cast<float>(tones.size());
}

// Summed over those that are so, by the number of all.
template <class Test>
float chroma_of(const std::vector<Tone>& tones, const Test& test) {
    double chroma = 0;
    for (const Tone& tone : tones)
        if (test(tone)) chroma += tone.chroma;
    return static_cast<float>(chroma / static_cast<double>(tones.size()));
}

bool is_any(const Tone&) {
    return true;
}
bool is_warm(const Tone& tone) {
    return tone.hue >= -20 && tone.hue <= 105;
}
bool is_cool(const Tone& tone) {
    return tone.hue >= 110 || tone.hue <= -50;
}
bool is_earth(const Tone& tone) {
    return tone.hue >= 30 && tone.hue <= 105 && tone.l >= 20 && tone.l <= 65 && tone.chroma >= 10 && tone.chroma <= 45;
}

// Sectors of 30 degrees that hold a twentieth of the colours.
bool has_hues_apart(const std::vector<Tone>& tones) {
    constexpr int sectors = 12;
    const auto holds = [&](int sector) {
        return share_of(tones, [sector](const Tone& tone) {
                   const int own = std::clamp(static_cast<int>((tone.hue + 180) / 30), 0, sectors - 1);
                   return tone.chroma >= 8 && own == sector;
               }) >= 0.05F;
    };
    for (int x = 0; x < sectors; ++x) {
        for (int y = x + 3; y <= x + sectors - 3 && y < sectors; ++y)
            if (holds(x) && holds(y)) return true;
    }
    return false;
}

bool is_pastel(const std::vector<Tone>& tones) {
    return share_of(tones, [](const Tone& tone) { return tone.l >= 70; }) >= 0.7F &&
           share_of(tones, [](const Tone& tone) { return tone.chroma > 35; }) < 0.02F && has_hues_apart(tones);
}

}  // namespace

std::string_view orientation_word(int width, int height) {
    // In whole numbers: 5 % is within.
    if (20 * std::abs(width - height) <= std::max(width, height)) return "square";
    return width > height ? "landscape" : "portrait";
}

std::string_view lighting_word(const LightMeasures& light) {
    const bool is_dark = light.brightness < 0.35F;
    if (light.contrast < 0.08F) return unspecified;
    if (is_dark && light.contrast >= 0.6F) return "dramatic";
    if (is_dark && std::fabs(light.warmth) >= 6) return "evening";
    if (is_dark) return unspecified;
    if (light.warmth >= 20 && light.brightness < 0.75F) return "golden_hour";
    if (light.brightness >= 0.8F && std::fabs(light.warmth) <= 5) return "studio";
    if (light.brightness >= 0.63F && light.warmth >= 8 && light.warmth <= 20) return "morning";
    if (light.brightness >= 0.45F && light.contrast < 0.45F) return "soft";
    return std::fabs(light.warmth) <= 15 ? "natural" : unspecified;
}

std::string_view color_scheme_word(const std::vector<Lab>& colors) {
    if (colors.empty()) return unspecified;
    std::vector<Tone> tones(colors.size());
    std::transform(colors.begin(), colors.end(), tones.begin(), tone_of);
    const float chroma = chroma_of(tones, is_any);
    if (share_of(tones, [](const Tone& tone) { return tone.chroma < 3; }) >= 0.97F) return "monochrome";
    if (chroma >= 40 || share_of(tones, [](const Tone& tone) { return tone.chroma >= 40; }) >= 0.3F) return "vibrant";
    if (chroma < 9) return "neutral";
    if (is_pastel(tones)) return "pastel";
    if (share_of(tones, is_earth) >= 0.5F) return "earthy";
    if (chroma_of(tones, is_warm) >= 0.7F * chroma) return "warm";
    if (chroma_of(tones, is_cool) >= 0.7F * chroma) return "cool";
    return unspecified;
}

}  // namespace atelier::media
