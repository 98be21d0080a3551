#include "media/scene.hpp"

#include "media/color.hpp"
#include "media/furnish.hpp"
#include "media/surfaces.hpp"

namespace atelier::media {
namespace {

constexpr int long_side = 1280;
constexpr int square_side = 1152;

struct Size {
    int width;
    int height;
};

Size picture_size(const Settings& settings) {
    if (settings.aspect_width == settings.aspect_height) return {square_side, square_side};
    const bool wide = settings.aspect_width > settings.aspect_height;
    const int longer = std::max(settings.aspect_width, settings.aspect_height);
    const int shorter = std::min(settings.aspect_width, settings.aspect_height);
    const int short_side = (long_side * shorter / longer + 1) / 2 * 2;
    return wide ? Size{long_side, short_side} : Size{short_side, long_side};
}

// Whether the photo itself is seen behind the product: where no room is asked for, and in some pictures of a family.
bool looks_out(const Settings& settings, const Subject& subject, const ProductShape& product,
               const Inspiration& inspiration, Dice& dice) {
    const bool drawn = dice.between(0, 1) < 0.08F + 0.04F * static_cast<float>(settings.variety);
    if (settings.room == Room::outdoor || settings.room == Room::unspecified) return true;
    return drawn && !subject.furniture && settings.room != Room::studio &&
           distance(to_lab(product.color), to_lab(inspiration.middle)) > 24;
}

Stage choose_stage(const Settings& settings, const Subject& subject, const ProductShape& product, bool photo) {
    if (product.framed) return Stage::wall;
    if (subject.flat) return Stage::flatlay;
    if (photo || settings.room == Room::outdoor) return Stage::ledge;
    if (subject.furniture) return Stage::floor;
    const bool asks_for_plinth =
        mentions(settings, "plinth") || mentions(settings, "podium") || mentions(settings, "pedestal");
    if (asks_for_plinth || settings.room == Room::studio || settings.room == Room::unspecified) return Stage::plinth;
    return Stage::table;
}

// The product's size in the picture: a share of its width, limited by its height and by how far a photo may be
// enlarged before it looks soft.
void size_product(Scene& scene, const Settings& settings, const ProductShape& product) {
    float wide = 0.56F;
    float high = 0.56F;
    switch (scene.stage) {
        case Stage::floor:
            wide = 0.66F;
            high = 0.60F;
            break;
        case Stage::plinth:
            wide = 0.54F;
            high = 0.50F;
            break;
        case Stage::ledge:
            wide = 0.56F;
            high = 0.56F;
            break;
        case Stage::flatlay:
            wide = 0.62F;
            high = 0.62F;
            break;
        case Stage::wall:
            wide = 0.52F;
            high = 0.60F;
            break;
        case Stage::table:
            break;
    }
    if (settings.angle == Angle::close_up) {
        wide *= 1.24F;
        high *= 1.2F;
    }
    const float ratio = static_cast<float>(product.height) / static_cast<float>(product.width);
    float width = std::min(wide * static_cast<float>(scene.width), high * static_cast<float>(scene.height) / ratio);
    const float most_enlarged = product.framed ? 1.4F : 1.9F;
    width = std::min(width, most_enlarged * static_cast<float>(product.width));
    scene.product_width = width;
    scene.product_height = width * ratio;
}

// How far above the product's base the horizon lies, in product heights. A camera that looks down sees more ground.
float horizon_lift(const Settings& settings, Stage stage) {
    float lift = stage == Stage::floor ? 0.95F : 1.15F;
    switch (settings.angle) {
        case Angle::low:
            lift = 0.42F;
            break;
        case Angle::eye_level:
            lift = 0.85F;
            break;
        case Angle::high:
            lift = 1.9F;
            break;
        case Angle::three_quarter:
            lift = 1.3F;
            break;
        case Angle::close_up:
            lift = 1.0F;
            break;
        case Angle::unspecified:
            break;
    }
    return lift;
}

void set_camera(Scene& scene, const Settings& settings, const Subject& subject, Dice& dice) {
    const float freedom = static_cast<float>(settings.variety) / 10;
    const auto width = static_cast<float>(scene.width);
    const auto height = static_cast<float>(scene.height);
    const float metre = scene.product_width / subject.width;  // pixels at the product
    Camera& camera = scene.camera;
    camera.focal = 1.75F * std::max(width, height);
    scene.product_z = camera.focal / metre;
    const bool wide = scene.width > scene.height;
    const float shift = settings.angle == Angle::close_up ? 0 : 0.07F * freedom * dice.between(-1, 1);
    camera.center_x = width * (0.5F + (wide ? shift : 0.4F * shift));

    if (scene.stage == Stage::wall) {
        camera.horizon = 0.5F * height;
        camera.height = 0.38F * height / metre;
        return;
    }
    // The product's optical middle sits a little below the picture's.
    const float middle = scene.stage == Stage::plinth ? 0.47F : scene.stage == Stage::floor ? 0.575F : 0.555F;
    float base = std::min(height * middle + scene.product_height / 2, height * 0.86F);
    if (scene.stage == Stage::floor) base = std::max(base, height * 0.74F);
    if (scene.stage == Stage::table || scene.stage == Stage::ledge) base = std::max(base, height * 0.68F);
    const float seen_height = std::clamp(scene.product_height, 0.22F * height, 0.5F * height);
    const float lift = horizon_lift(settings, scene.stage) * seen_height;
    camera.horizon = base - lift;
    camera.height = lift / metre + scene.product_base;
}

void set_wall(Scene& scene, const Settings& settings, const Subject& subject) {
    if (scene.stage == Stage::wall) {
        scene.wall_z = scene.product_z;
        return;
    }
    // Ground seen behind the product, as a share of the picture's height; the wall stands where that ends.
    float behind = scene.stage == Stage::floor ? 0.10F : 0.075F;
    if (scene.stage == Stage::ledge) behind = 0.06F;
    if (scene.stage == Stage::plinth) behind = 0.12F;
    if (settings.angle == Angle::high) behind *= 2.0F;
    if (settings.angle == Angle::low) behind *= 0.6F;
    const float lift = scene.camera.focal * (scene.camera.height - scene.product_base) / scene.product_z;
    const float share = std::min(0.55F, behind * static_cast<float>(scene.height) / lift);
    scene.wall_z = scene.product_z / (1 - share);
    scene.wall_z = std::max(scene.wall_z, scene.product_z + 0.32F * subject.width);
}

// A room like that of the photo, where the settings name no style.
Style style_like(const Inspiration& inspiration) {
    constexpr Style plain_bright[] = {Style::scandinavian, Style::minimalist, Style::modern};
    constexpr Style plain_dark[] = {Style::modern, Style::classic, Style::industrial};
    constexpr Style warm[] = {Style::bohemian, Style::japandi, Style::rustic};
    constexpr Style cool[] = {Style::classic, Style::modern, Style::scandinavian};
    const int drawn = Dice(inspiration.seed ^ 0x57113).below(3);
    if (inspiration.colorfulness > 0.24F) return inspiration.warmth > 0 ? warm[drawn] : cool[drawn];
    return inspiration.brightness > 0.5F ? plain_bright[drawn] : plain_dark[drawn];
}

}  // namespace

const char* to_string(Stage stage) {
    switch (stage) {
        case Stage::floor:
            return "floor";
        case Stage::table:
            return "table";
        case Stage::plinth:
            return "plinth";
        case Stage::ledge:
            return "ledge";
        case Stage::flatlay:
            return "flatlay";
        case Stage::wall:
            return "wall";
    }
    return "floor";
}

Scene derive_scene(const Settings& asked, const ProductShape& product, const std::optional<Inspiration>& inspiration) {
    Settings settings = asked;
    if (inspiration && settings.style == Style::unspecified) settings.style = style_like(*inspiration);
    Dice dice(settings.seed);
    Subject subject = judge_subject(settings.prompt);
    Scene scene;
    scene.seed = settings.seed;
    const Size size = picture_size(settings);
    scene.width = size.width;
    scene.height = size.height;
    const bool out = inspiration && looks_out(settings, subject, product, *inspiration, dice);
    scene.stage = choose_stage(settings, subject, product, out);
    scene.backdrop = inspiration && scene.stage == Stage::ledge;
    if (product.framed) subject.width = 0.9F;
    size_product(scene, settings, product);
    // Large features on a small set look like a dolls' house; the eye accepts about the root of the ratio.
    scene.unit = subject.furniture || product.framed ? 1.0F : std::clamp(std::sqrt(subject.width / 1.6F), 0.2F, 1.0F);
    if (inspiration) {
        scene.light = inspired_light(settings, *inspiration, dice);
        scene.palette = inspired_palette(settings, product.color, *inspiration, scene.light, dice);
    } else {
        scene.palette = derive_palette(settings, product.color, dice);
        scene.light = derive_light(settings, dice);
    }
    if (scene.stage == Stage::plinth) {
        scene.product_base = subject.width * dice.between(0.30F, 0.42F);
    }
    set_camera(scene, settings, subject, dice);
    set_wall(scene, settings, subject);
    if (inspiration) {
        Dice character(inspiration->seed ^ 0x5afac);
        choose_surfaces(scene, settings, subject, character);
    } else {
        choose_surfaces(scene, settings, subject, dice);
    }
    furnish(scene, settings, subject, dice);
    return scene;
}

}  // namespace atelier::media
