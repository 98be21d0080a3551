#include "media/color.hpp"

#include <array>
#include <cmath>
#include <numbers>

namespace atelier::media {
namespace {

constexpr float white_x = 0.95047F;
constexpr float white_z = 1.08883F;

float lab_curve(float t) {
    return t > 0.008856F ? std::cbrt(t) : 7.787F * t + 16.0F / 116;
}
float lab_curve_back(float t) {
    return t > 0.206893F ? t * t * t : (t - 16.0F / 116) / 7.787F;
}

int hex_digit(char digit) {
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

}  // namespace

float to_linear(float encoded) {
    return encoded <= 0.04045F ? encoded / 12.92F : std::pow((encoded + 0.055F) / 1.055F, 2.4F);
}

float to_encoded(float linear) {
    if (linear <= 0) return 0;
    if (linear >= 1) return 1;
    return linear <= 0.0031308F ? linear * 12.92F : 1.055F * std::pow(linear, 1 / 2.4F) - 0.055F;
}

Lab to_lab(Rgb c) {
    const float x = lab_curve((0.4124F * c.r + 0.3576F * c.g + 0.1805F * c.b) / white_x);
    const float y = lab_curve(0.2126F * c.r + 0.7152F * c.g + 0.0722F * c.b);
    const float z = lab_curve((0.0193F * c.r + 0.1192F * c.g + 0.9505F * c.b) / white_z);
    return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

Rgb from_lab(Lab lab) {
    const float fy = (lab.l + 16) / 116;
    const float x = white_x * lab_curve_back(fy + lab.a / 500);
    const float y = lab_curve_back(fy);
    const float z = white_z * lab_curve_back(fy - lab.b / 200);
    return {clamp01(3.2406F * x - 1.5372F * y - 0.4986F * z), clamp01(-0.9689F * x + 1.8758F * y + 0.0415F * z),
            clamp01(0.0557F * x - 0.2040F * y + 1.0570F * z)};
}

float distance(Lab x, Lab y) {
    const float dl = x.l - y.l;
    const float da = x.a - y.a;
    const float db = x.b - y.b;
    return std::sqrt(dl * dl + da * da + db * db);
}

float luminance(Rgb c) {
    return 0.2126F * c.r + 0.7152F * c.g + 0.0722F * c.b;
}

std::string to_hex(Rgb linear) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string hex = "#";
    for (const float channel : {linear.r, linear.g, linear.b}) {
        const int value = static_cast<int>(std::lround(to_encoded(channel) * 255));
        hex.push_back(digits[value / 16]);
        hex.push_back(digits[value % 16]);
    }
    return hex;
}

Rgb from_hex(std::string_view hex) {
    const auto channel = [&](std::size_t at) {
        return to_linear(static_cast<float>(hex_digit(hex[at]) * 16 + hex_digit(hex[at + 1])) / 255);
    };
    return {channel(1), channel(3), channel(5)};
}

Rgb with_chroma(Rgb linear, float factor) {
    const Lab lab = to_lab(linear);
    return from_lab({lab.l, lab.a * factor, lab.b * factor});
}

Rgb with_lightness(Rgb linear, float l) {
    const Lab lab = to_lab(linear);
    return from_lab({l, lab.a, lab.b});
}

Rgb with_hue_turned(Rgb linear, float degrees) {
    const Lab lab = to_lab(linear);
    const float angle = degrees * std::numbers::pi_v<float> / 180;
    return from_lab(
        {lab.l, lab.a * std::cos(angle) - lab.b * std::sin(angle), lab.a * std::sin(angle) + lab.b * std::cos(angle)});
}

}  // namespace atelier::media
