#include "media/compose.hpp"

#include "core/build_id.hpp"
#include "media/color.hpp"
#include "media/finish.hpp"
#include "media/frame.hpp"
#include "media/mask.hpp"
#include "media/place.hpp"
#include "media/render.hpp"
#include "media/vista.hpp"

namespace atelier::media {
namespace {

constexpr int product_side = 1400;  // pixels on the longer side that a product photo is read at
constexpr int inspiration_side = 900;
constexpr std::size_t palette_size = 5;

core::Result<Photo> read_checked(std::string_view bytes, const Limits& limits, int side) {
    const auto header = read_header(bytes, limits);
    if (!header) return header.error();
    return read_photo(bytes, side);
}

Rgb main_color(const Picture& color, const Mask* cover) {
    const auto colors = dominant_colors(color, cover, 1);
    return colors.empty() ? Rgb{0.5F, 0.5F, 0.5F} : colors.front();
}

// A photo with its own transparency that is shown whole lies on white.
Picture on_white(const Photo& photo) {
    if (photo.alpha.empty()) return photo.color;
    Picture result = photo.color;
    for (std::size_t i = 0; i < result.size(); ++i)
        result.cells()[i] = mix(Rgb{1, 1, 1}, result.cells()[i], photo.alpha.cells()[i]);
    return result;
}

Picture draw(const Scene& scene, const Extraction& extraction, const Photo& product, const Picture& inspiration) {
    if (scene.stage == Stage::wall) {
        Picture picture = render_set(scene, nullptr, {});
        hang_photo(scene, on_white(product), picture);
        return picture;
    }
    const Placed placed = scale_product(scene, extraction);
    const Picture vista =
        scene.stage == Stage::ledge ? make_vista(scene, scene.backdrop ? inspiration : Picture{}) : Picture{};
    if (scene.stage == Stage::flatlay) {
        Picture picture = render_set(scene, nullptr, vista);
        place_product(scene, placed, picture);
        return picture;
    }
    const ShadowCaster shadow(scene, placed.product.cover, placed.footing);
    Picture picture = render_set(scene, &shadow, vista);
    place_product(scene, placed, picture);
    return picture;
}

core::Json describe(const Scene& scene, Background background, bool inspired, const std::vector<Rgb>& colors) {
    core::Json palette = core::Json::array();
    for (const Rgb color : colors)
        palette.push_back(to_hex(color));
    return {{"generator", "offline"},
            {"version", std::string(core::build_id().substr(0, core::build_id().find('-')))},
            {"background", to_string(background)},
            {"palette", palette},
            {"light", scene.light.name},
            {"scene", scene.backdrop ? "photo"
                      : inspired     ? "inspired"
                                     : "derived"},
            {"stage", to_string(scene.stage)}};
}

// The picture at a fraction of its size, to take its palette from.
Picture thumbnail(const std::vector<unsigned char>& bytes, const Scene& scene) {
    constexpr int step = 8;
    Picture small(scene.width / step, scene.height / step);
    for (int y = 0; y < small.height(); ++y) {
        for (int x = 0; x < small.width(); ++x) {
            const auto at = 3 * (static_cast<std::size_t>(y * step) * static_cast<std::size_t>(scene.width) +
                                 static_cast<std::size_t>(x * step));
            small(x, y) = {to_linear(static_cast<float>(bytes[at]) / 255),
                           to_linear(static_cast<float>(bytes[at + 1]) / 255),
                           to_linear(static_cast<float>(bytes[at + 2]) / 255)};
        }
    }
    return small;
}

}  // namespace

core::Result<Composition> compose(std::string_view product, std::string_view inspiration, const Settings& settings,
                                  const Limits& limits) {
    auto photo = read_checked(product, limits, product_side);
    if (!photo) return photo.error();
    Picture backdrop;
    std::optional<Inspiration> followed;
    if (!inspiration.empty()) {
        auto other = read_checked(inspiration, limits, inspiration_side);
        if (!other) return other.error();
        backdrop = on_white(*other);
        followed = study(backdrop, inspiration);
    }
    const Extraction extraction = extract_product(photo->color, photo->alpha);
    const bool framed = extraction.background == Background::framed;
    const Picture& shown = framed ? photo->color : extraction.product.color;
    const ProductShape shape{shown.width(), shown.height(),
                             main_color(shown, framed ? nullptr : &extraction.product.cover), framed};

    const Scene scene = derive_scene(settings, shape, followed);
    const std::vector<unsigned char> bytes = finished(scene, draw(scene, extraction, *photo, backdrop));
    Composition result;
    result.jpeg = write_jpeg(bytes, scene.width, scene.height);
    result.width = scene.width;
    result.height = scene.height;
    result.metadata = describe(scene, extraction.background, followed.has_value(),
                               dominant_colors(thumbnail(bytes, scene), nullptr, palette_size));
    return result;
}

}  // namespace atelier::media
