#include "media/matting.hpp"

#include <cmath>

namespace atelier::media {
namespace {

float dot(Rgb x, Rgb y) {
    return x.r * y.r + x.g * y.g + x.b * y.b;
}

// Mean colour of the sure product near each pixel: of the pixels at least two steps inside.
struct Inside {
    Picture color;
    Mask weight;
};

Mask product_mask(const Regions& regions) {
    Mask mask(regions.width(), regions.height());
    for (std::size_t i = 0; i < mask.size(); ++i)
        mask.cells()[i] = regions.cells()[i] == region_product ? 1.0F : 0.0F;
    return mask;
}

Inside inside_colors(const Picture& encoded, const Mask& depth) {
    Inside inside{Picture(encoded.width(), encoded.height()), Mask(encoded.width(), encoded.height())};
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        const float sure = depth.cells()[i] > 0.97F ? 1.0F : 0.0F;
        inside.weight.cells()[i] = sure;
        inside.color.cells()[i] = encoded.cells()[i] * sure;
    }
    inside.color = blurred(inside.color, 3);
    inside.weight = blurred(inside.weight, 3);
    return inside;
}

// The share of `product` in a mix with `plain` that looks like `seen`.
float share_of(Rgb seen, Rgb product, Rgb plain) {
    const Rgb span = product - plain;
    return clamp01(dot(seen - plain, span) / std::max(1e-6F, dot(span, span)));
}

Rgb clamped(Rgb c) {
    return {clamp01(c.r), clamp01(c.g), clamp01(c.b)};
}

}  // namespace

Matte matted(const Picture& encoded, const Regions& regions, const Backdrop& backdrop) {
    const int width = encoded.width();
    const int height = encoded.height();
    const Mask hard = product_mask(regions);
    const Mask soft = blurred(hard, 1.0F);  // the distance to the edge, in effect: one half on it
    const Inside inside = inside_colors(encoded, soft);

    Matte matte{{Picture(width, height), Mask(width, height)}, Mask(width, height)};
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const Rgb seen = encoded(x, y);
            Rgb color = seen;
            float cover = hard(x, y);
            const float depth = soft(x, y);
            if (depth > 0.01F && depth < 0.985F) {
                const Rgb plain = backdrop.at(x, y);
                const float weight = inside.weight(x, y);
                const Rgb product = weight > 1e-3F ? inside.color(x, y) * (1 / weight) : seen;
                const Rgb span = product - plain;
                // Where product and background look alike only geometry can tell.
                const float telling = smoothstep(0.01F, 0.06F, dot(span, span));
                const float geometric = smoothstep(0.2F, 0.8F, depth);
                cover = mix(geometric, share_of(seen, product, plain), telling);
                // Outside the edge a stray likeness counts little, inside a stray unlikeness.
                cover *= smoothstep(0.02F, 0.30F, depth);
                cover = std::max(cover, smoothstep(0.75F, 0.97F, depth));
                if (cover > 0.02F) color = clamped(plain + (seen - plain) * (1 / std::max(cover, 0.2F)));
                color = mix(product, color, smoothstep(0.35F, 0.95F, cover));
            }
            matte.product.cover(x, y) = cover < 0.02F ? 0 : cover;
            matte.product.color(x, y) = {to_linear(color.r), to_linear(color.g), to_linear(color.b)};
            if (regions(x, y) == region_shadow) {
                const Rgb plain = backdrop.at(x, y);
                const float lit = to_linear(std::max(0.0F, (seen.r + seen.g + seen.b) / 3)) /
                                  std::max(1e-3F, to_linear((plain.r + plain.g + plain.b) / 3));
                matte.own_shadow(x, y) = clamp01(1 - lit);
            }
        }
    }
    matte.own_shadow = blurred(matte.own_shadow, 1.2F);
    return matte;
}

}  // namespace atelier::media
