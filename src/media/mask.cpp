#include "media/mask.hpp"

#include <cmath>

#include "media/backdrop.hpp"
#include "media/matting.hpp"
#include "media/region.hpp"

namespace atelier::media {
namespace {

// Does the file's own alpha cut something out? A picture that is solid but for a few pixels has no cover of its own.
bool cuts_out(const Mask& alpha) {
    if (alpha.empty()) return false;
    std::size_t clear = 0;
    std::size_t solid = 0;
    for (const float cover : alpha.cells()) {
        clear += cover < 0.03F ? 1U : 0U;
        solid += cover > 0.5F ? 1U : 0U;
    }
    return clear > alpha.size() / 50 && solid > alpha.size() / 200;
}

struct Box {
    int left, top, right, bottom;  // the last two are one past
};

Box bounds(const Mask& cover) {
    Box box{cover.width(), cover.height(), 0, 0};
    for (int y = 0; y < cover.height(); ++y) {
        for (int x = 0; x < cover.width(); ++x) {
            if (cover(x, y) < 0.1F) continue;
            box.left = std::min(box.left, x);
            box.right = std::max(box.right, x + 1);
            box.top = std::min(box.top, y);
            box.bottom = std::max(box.bottom, y + 1);
        }
    }
    return box;
}

// The part inside `box`, with one clear pixel around it.
template <class T>
Grid<T> cropped(const Grid<T>& source, const Box& box) {
    Grid<T> part(box.right - box.left + 2, box.bottom - box.top + 2);
    for (int y = box.top; y < box.bottom; ++y) {
        for (int x = box.left; x < box.right; ++x)
            part(x - box.left + 1, y - box.top + 1) = source(x, y);
    }
    return part;
}

Extraction finished(Background background, Cutout whole, const Mask& shadow) {
    const Box box = bounds(whole.cover);
    if (box.right - box.left < 8 || box.bottom - box.top < 8) return {};
    Extraction result;
    result.background = background;
    result.product = {cropped(whole.color, box), cropped(whole.cover, box)};
    result.own_shadow = cropped(shadow, box);
    return result;
}

// The share of the photo's border that the product covers.
float cut_off(const Mask& cover) {
    int covered = 0;
    const int width = cover.width();
    const int height = cover.height();
    for (int x = 0; x < width; ++x)
        covered += (cover(x, 0) > 0.5F) + (cover(x, height - 1) > 0.5F);
    for (int y = 0; y < height; ++y)
        covered += (cover(0, y) > 0.5F) + (cover(width - 1, y) > 0.5F);
    return static_cast<float>(covered) / static_cast<float>(2 * (width + height));
}

bool plausible(const Mask& cover) {
    double sum = 0;
    for (const float value : cover.cells())
        sum += static_cast<double>(value);
    const double share = sum / static_cast<double>(cover.size());
    return share > 0.01 && share < 0.93 && cut_off(cover) < 0.10F;
}

Picture encoded(const Picture& linear) {
    Picture result = linear;
    for (Rgb& c : result.cells())
        c = {to_encoded(c.r), to_encoded(c.g), to_encoded(c.b)};
    return result;
}

Grid<Lab> lab_of(const Picture& linear) {
    Grid<Lab> result(linear.width(), linear.height());
    std::transform(linear.cells().begin(), linear.cells().end(), result.cells().begin(), to_lab);
    return result;
}

}  // namespace

const char* to_string(Background background) {
    switch (background) {
        case Background::plain:
            return "plain";
        case Background::alpha:
            return "alpha";
        case Background::framed:
            return "framed";
    }
    return "framed";
}

Extraction extract_product(const Picture& photo, const Mask& alpha) {
    if (cuts_out(alpha)) return finished(Background::alpha, {photo, alpha}, Mask(photo.width(), photo.height()));

    const Picture coded = encoded(photo);
    const Grid<Lab> lab = lab_of(photo);
    auto backdrop = Backdrop::of_border(coded, lab);
    if (!backdrop) return {};
    Regions regions = flood_background(lab, *backdrop);
    backdrop->refine(coded, regions);
    regions = flood_background(lab, *backdrop);
    open_holes(regions, lab, *backdrop);
    drop_specks(regions);

    Matte matte = matted(coded, regions, *backdrop);
    if (!plausible(matte.product.cover)) return {};
    return finished(Background::plain, std::move(matte.product), matte.own_shadow);
}

}  // namespace atelier::media
