#include "media/finish.hpp"

#include <cmath>
#include <numbers>

#include "media/color.hpp"

namespace atelier::media {
namespace {

// A branch before the lens, far out of focus, in the upper corner away from the light.
void hang_leaves(const Scene& scene, Picture& picture) {
    Mask cover(scene.width / 4, scene.height / 4);
    Dice dice(scene.seed ^ 0x1eaf);
    const auto width = static_cast<float>(cover.width());
    const bool right = scene.light.to_key.x < 0;
    for (int i = 0; i < 15; ++i) {
        const float cx = width * (right ? dice.between(0.80F, 1.04F) : dice.between(-0.04F, 0.20F));
        const float cy = static_cast<float>(cover.height()) * dice.between(-0.05F, 0.26F);
        const float length = width * dice.between(0.05F, 0.10F);
        const float angle = dice.between(0, std::numbers::pi_v<float>);
        for (int y = 0; y < cover.height(); ++y) {
            for (int x = 0; x < cover.width(); ++x) {
                const float dx = static_cast<float>(x) - cx;
                const float dy = static_cast<float>(y) - cy;
                const float along = (dx * std::cos(angle) + dy * std::sin(angle)) / length;
                const float across = (dy * std::cos(angle) - dx * std::sin(angle)) / (0.32F * length);
                if (along * along + across * across < 1) cover(x, y) = 1;
            }
        }
    }
    cover = blurred(cover, 0.016F * width);
    const Rgb green = from_hex("#46573a") * (scene.light.ambient * 0.7F + scene.light.key * 0.35F);
    for (int y = 0; y < scene.height; ++y) {
        for (int x = 0; x < scene.width; ++x) {
            const float share = 0.9F * sample(cover, static_cast<float>(x) / 4, static_cast<float>(y) / 4, 0);
            picture(x, y) = mix(picture(x, y), green, share);
        }
    }
}

// Linear up to 0.7, then bending toward 1 without ever clipping.
float rolled_off(float value) {
    constexpr float knee = 0.70F;
    if (value <= knee) return std::max(0.0F, value);
    return knee + (1 - knee) * (1 - std::exp(-(value - knee) / (1 - knee)));
}

// to_encoded for every pixel would be the dearest step of all.
class Encoder {
  public:
    Encoder() {
        for (std::size_t i = 0; i < table_.size(); ++i) {
            const float root = static_cast<float>(i) / static_cast<float>(table_.size() - 1);
            table_[i] = to_encoded(root * root);
        }
    }
    float operator()(float linear) const {
        return table_[static_cast<std::size_t>(std::sqrt(clamp01(linear)) * static_cast<float>(table_.size() - 1))];
    }

  private:
    std::vector<float> table_ = std::vector<float>(8192);
};

}  // namespace

std::vector<unsigned char> finished(const Scene& scene, Picture picture) {
    if (scene.foreground_leaves && scene.stage != Stage::flatlay && scene.stage != Stage::wall)
        hang_leaves(scene, picture);
    static const Encoder encode;
    std::vector<unsigned char> bytes;
    bytes.reserve(picture.size() * 3);
    const auto width = static_cast<float>(scene.width);
    const auto height = static_cast<float>(scene.height);
    for (int y = 0; y < scene.height; ++y) {
        for (int x = 0; x < scene.width; ++x) {
            const float u = (static_cast<float>(x) + 0.5F) / width - 0.5F;
            const float v = (static_cast<float>(y) + 0.5F) / height - 0.5F;
            const float fall = 1 - scene.light.vignette * smoothstep(0.10F, 0.62F, u * u * 1.1F + v * v * 1.1F);
            const float grain = (chance(scene.seed, x, y) + chance(scene.seed + 1, x, y) - 1) * 0.011F;
            const Rgb color = picture(x, y) * fall;
            for (const float channel : {color.r, color.g, color.b}) {
                const float value = encode(rolled_off(channel)) + grain;
                bytes.push_back(static_cast<unsigned char>(std::clamp(value * 255 + 0.5F, 0.0F, 255.0F)));
            }
        }
    }
    return bytes;
}

}  // namespace atelier::media
