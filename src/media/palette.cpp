#include "media/palette.hpp"

#include <array>
#include <cmath>
#include <initializer_list>
#include <string_view>

#include "media/color.hpp"

namespace atelier::media {
namespace {

struct Choice {
    std::string_view wall;
    std::string_view ground;
    std::string_view accent;
};

std::vector<Choice> choices(Scheme scheme) {
    switch (scheme) {
        case Scheme::neutral:
            return {{"#e4dfd6", "#cdc6ba", "#a89a86"},
                    {"#d8d3c9", "#bdb6a9", "#8d8475"},
                    {"#ece8e1", "#d3cdc3", "#b7a892"}};
        case Scheme::warm:
            return {{"#e6cdb2", "#cdb296", "#b96f4a"},
                    {"#dcb594", "#c9a68a", "#9c5a3c"},
                    {"#ecd9c0", "#cbb393", "#c2824f"}};
        case Scheme::cool:
            return {{"#c4d1d8", "#aebcc4", "#5c7d90"},
                    {"#b3c4c9", "#a2b0b5", "#3f6473"},
                    {"#d5dde2", "#b9c3ca", "#7590a3"}};
        case Scheme::earthy:
            return {{"#c2ab8c", "#a98f70", "#7d5a3f"},
                    {"#a3a184", "#a18d70", "#5e6446"},
                    {"#c79a78", "#b08a68", "#8a4f36"}};
        case Scheme::pastel:
            return {{"#efd5cf", "#e2cdc4", "#d79f97"},
                    {"#d3e2d8", "#c9d3c8", "#8fb5a2"},
                    {"#dcd8ea", "#cbc8d6", "#a39bc4"},
                    {"#f2e6c8", "#e0d3b6", "#dcb877"}};
        case Scheme::monochrome:
            return {{"#d9d9d8", "#b5b5b4", "#3a3a3a"},
                    {"#8e8e8d", "#777776", "#e8e8e8"},
                    {"#eeeeed", "#cfcfce", "#222222"}};
        case Scheme::vibrant:
            return {{"#dfa63a", "#c4934a", "#1f5f68"},
                    {"#2c7a80", "#8a7a62", "#e3a33a"},
                    {"#c65f45", "#a86a4e", "#f0cf9a"},
                    {"#4a66a8", "#8c8f9a", "#f1b64b"}};
        case Scheme::unspecified:
            break;
    }
    return {{"#dfd8cc", "#c6bcac", "#9a8b76"}, {"#d3d4cf", "#b9b7ae", "#7f8478"}};
}

std::string_view wood_of(Style style) {
    switch (style) {
        case Style::modern:
            return "#b08a63";
        case Style::scandinavian:
            return "#d6b992";
        case Style::industrial:
            return "#7d5f45";
        case Style::rustic:
            return "#96714c";
        case Style::classic:
            return "#7a5236";
        case Style::minimalist:
            return "#cbb091";
        case Style::bohemian:
            return "#a87c4f";
        case Style::japandi:
            return "#c2a078";
        case Style::unspecified:
            break;
    }
    return "#b8946a";
}

Rgb styled_wall(Rgb wall, Style style) {
    const Lab lab = to_lab(wall);
    switch (style) {
        case Style::industrial:
            return with_lightness(with_chroma(wall, 0.55F), lab.l * 0.84F);
        case Style::minimalist:
            return with_lightness(with_chroma(wall, 0.6F), mix(lab.l, 93, 0.4F));
        case Style::scandinavian:
            return with_lightness(with_chroma(wall, 0.7F), mix(lab.l, 93, 0.45F));
        case Style::japandi:
            return with_lightness(with_chroma(wall, 0.85F), lab.l * 0.96F);
        case Style::bohemian:
            return with_chroma(wall, 1.2F);
        case Style::rustic:
            return with_lightness(wall, lab.l * 0.96F);
        case Style::classic:
            return with_lightness(wall, lab.l * 0.93F);
        case Style::modern:
        case Style::unspecified:
            break;
    }
    return wall;
}

// Turns `color` toward the hue of the product, quiet enough to stand behind it.
Rgb toward_product(Rgb color, Rgb product, float share) {
    const Lab own = to_lab(color);
    const Lab theirs = to_lab(product);
    const float chroma = std::hypot(theirs.a, theirs.b);
    if (chroma < 6) return with_chroma(color, 0.6F);
    const float quiet = std::min(chroma, 16 + 0.25F * chroma) / chroma;
    return from_lab({own.l, mix(own.a, theirs.a * quiet, share), mix(own.b, theirs.b * quiet, share)});
}

Rgb matching_accent(Rgb product) {
    return with_lightness(with_chroma(product, 0.9F), std::clamp(to_lab(product).l, 35.0F, 75.0F));
}

// The same hue, no louder than `most_chroma`, at lightness `l`.
Rgb quiet(Rgb color, float most_chroma, float l) {
    const Lab lab = to_lab(color);
    const float chroma = std::hypot(lab.a, lab.b);
    return with_lightness(with_chroma(color, std::min(1.0F, most_chroma / std::max(chroma, 1e-3F))), l);
}

// The wall as near to its own lightness as the product allows: what the light makes of the two must differ.
Rgb apart_from(Rgb wall, Rgb product, const Light& light) {
    constexpr float enough = 21;
    const Lab seen_product = to_lab(product * light.product_tint * light.product_exposure);
    const float own = to_lab(wall).l;
    const auto stands_out = [&](float l) {
        const Rgb lit = with_lightness(wall, l) * (light.ambient * 0.95F + light.key * (-0.6F * light.to_key.z));
        const Lab seen = to_lab({clamp01(lit.r), clamp01(lit.g), clamp01(lit.b)});
        // Hue alone holds an edge badly.
        return std::hypot(seen.l - seen_product.l,
                          0.6F * std::hypot(seen.a - seen_product.a, seen.b - seen_product.b)) > enough;
    };
    for (float step = 0; step <= 60; step += 1.5F) {
        if (own + step <= 93 && stands_out(own + step)) return with_lightness(wall, own + step);
        if (own - step >= 14 && stands_out(own - step)) return with_lightness(wall, own - step);
    }
    return wall;
}

}  // namespace

std::vector<Rgb> dominant_colors(const Picture& picture, const Mask* cover, std::size_t count) {
    // 8 x 12 x 12 boxes of L*a*b*; coarse, but a palette needs no more.
    struct Bin {
        Rgb sum;
        float weight = 0;
        float telling = 0;
    };
    std::array<Bin, 8 * 12 * 12> bins{};
    const int step = std::max(1, std::max(picture.width(), picture.height()) / 160);
    for (int y = 0; y < picture.height(); y += step) {
        for (int x = 0; x < picture.width(); x += step) {
            const float weight = cover != nullptr ? (*cover)(x, y) : 1.0F;
            if (weight < 0.5F) continue;
            const Rgb color = picture(x, y);
            const Lab lab = to_lab(color);
            const auto l = static_cast<std::size_t>(std::clamp(lab.l / 12.6F, 0.0F, 7.0F));
            const auto a = static_cast<std::size_t>(std::clamp((lab.a + 72) / 12, 0.0F, 11.0F));
            const auto b = static_cast<std::size_t>(std::clamp((lab.b + 72) / 12, 0.0F, 11.0F));
            Bin& bin = bins[(l * 12 + a) * 12 + b];
            bin.sum = bin.sum + color * weight;
            bin.weight += weight;
            bin.telling += weight * (0.35F + std::hypot(lab.a, lab.b) / 40);
        }
    }
    std::vector<Rgb> colors;
    while (colors.size() < count) {
        auto best = std::max_element(bins.begin(), bins.end(),
                                     [](const Bin& x, const Bin& y) { return x.telling < y.telling; });
        if (best->weight <= 0 || best->telling <= 0) break;
        const Rgb color = best->sum * (1 / best->weight);
        best->telling = 0;
        const auto near = [&](Rgb other) { return distance(to_lab(color), to_lab(other)) < 14; };
        if (std::none_of(colors.begin(), colors.end(), near)) colors.push_back(color);
    }
    return colors;
}

Palette derive_palette(const Settings& settings, Rgb product, Dice& dice) {
    const auto list = choices(settings.scheme);
    const Choice& choice = list[static_cast<std::size_t>(dice.below(static_cast<int>(list.size())))];
    Palette palette{styled_wall(from_hex(choice.wall), settings.style), from_hex(choice.ground),
                    from_hex(wood_of(settings.style)), from_hex(choice.accent)};
    const float freedom = static_cast<float>(settings.variety) / 10;
    palette.wall = with_hue_turned(palette.wall, 8 * freedom * dice.between(-1, 1));
    palette.wood = with_lightness(palette.wood, to_lab(palette.wood).l + 5 * freedom * dice.between(-1, 1));
    if (settings.match_product_colors) {
        palette.wall = toward_product(palette.wall, product, 0.75F);
        palette.ground = toward_product(palette.ground, product, 0.5F);
        palette.accent = matching_accent(product);
    }
    // A product must not sink into its wall: a dark one gets a lighter wall, a light one a deeper one.
    const float gap = to_lab(palette.wall).l - to_lab(product).l;
    if (std::fabs(gap) < 14)
        palette.wall = with_lightness(palette.wall, to_lab(product).l + (to_lab(product).l > 60 ? -22.0F : 24.0F));
    return palette;
}

Palette inspired_palette(const Settings& settings, Rgb product, const Inspiration& inspiration, const Light& light,
                         Dice& dice) {
    const float freedom = static_cast<float>(settings.variety) / 10;
    const float bright = 100 * inspiration.brightness;
    Palette palette;
    palette.pull = 0.55F;
    const Lab wall = to_lab(inspiration.wall);
    palette.wall = quiet(inspiration.wall, 23, std::clamp(mix(wall.l, 34 + 0.62F * bright, 0.35F), 36.0F, 86.0F));
    const Lab ground = to_lab(inspiration.ground);
    palette.ground = quiet(inspiration.ground, 25, std::clamp(mix(ground.l, 20 + 0.6F * bright, 0.5F), 26.0F, 66.0F));
    const Lab accent = to_lab(inspiration.accent);
    palette.accent = quiet(inspiration.accent, 56, std::clamp(accent.l, 34.0F, 74.0F));
    const Rgb wood = from_hex(wood_of(settings.style));
    palette.wood = with_lightness(mix(wood, palette.ground, 0.5F), mix(to_lab(wood).l, to_lab(palette.ground).l, 0.6F));
    const float turn = 7 * freedom * dice.between(-1, 1);
    const float shade = 5 * freedom * dice.between(-1, 1);
    palette.wall = with_lightness(with_hue_turned(palette.wall, turn), to_lab(palette.wall).l + shade);
    palette.wood = with_lightness(palette.wood, to_lab(palette.wood).l + 5 * freedom * dice.between(-1, 1));
    if (settings.match_product_colors) {
        palette.wall = toward_product(palette.wall, product, 0.3F);
        palette.accent = matching_accent(product);
    }
    palette.wall = apart_from(palette.wall, product, light);
    return palette;
}

Rgb Palette::ground_at(float l) const {
    return with_lightness(ground, mix(l, to_lab(ground).l, pull));
}

Rgb Palette::drawn(Rgb own) const {
    if (pull <= 0) return own;
    // Their hue and half their depth: marble stays lighter than slate.
    return with_lightness(mix(own, ground, pull), mix(to_lab(own).l, to_lab(ground).l, 0.5F * pull));
}

}  // namespace atelier::media
