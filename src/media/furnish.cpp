#include "media/furnish.hpp"

#include <algorithm>
#include <initializer_list>

#include "media/color.hpp"

namespace atelier::media {
namespace {

void raise_plinths(Scene& scene, const Subject& subject, Dice& dice) {
    // Wide enough for the product's feet, not for all of a wide one.
    const float radius = subject.width * 0.60F;
    const float depth = scene.product_z + 0.12F * radius;
    scene.plinths.push_back(
        {0, depth, radius, scene.product_base, mix(scene.palette.wall, scene.palette.ground, 0.6F)});
    if (dice.below(2) == 0) {
        scene.plinths.push_back({0, depth, radius * 1.45F, scene.product_base * 0.36F, scene.palette.wall});
    } else {
        const float side = dice.below(2) == 0 ? -1.0F : 1.0F;
        scene.plinths.push_back({side * radius * 1.5F, depth + radius * 1.25F, radius * 0.62F,
                                 scene.product_base * dice.between(1.9F, 2.6F), scene.palette.accent});
    }
}

void add_arch(Scene& scene, const Settings& settings, const Subject& subject, Dice& dice) {
    const bool asked = mentions(settings, "arch") || mentions(settings, "niche");
    const bool disc = mentions(settings, "disc");
    const bool likely = (scene.stage == Stage::plinth && settings.variety >= 3) ||
                        (settings.style == Style::bohemian && scene.wall.kind == WallKind::plaster);
    if (!asked && !disc && !(likely && dice.below(3) != 0)) return;
    const float distance_scale = scene.wall_z / scene.product_z;
    Arch arch;
    arch.x = 0;
    arch.half_width =
        subject.width * (scene.product_height > 1.2F * scene.product_width ? 0.95F : 0.70F) * distance_scale;
    const float product_top = scene.product_base + scene.product_height / scene.camera.scale_at(scene.product_z);
    arch.round = disc || (!asked && dice.below(3) == 0);
    arch.top = arch.round ? product_top * 0.62F + arch.half_width * 1.15F
                          : std::max(product_top * 1.22F, arch.half_width * 1.5F);
    arch.recessed = !arch.round;
    arch.color = mix(scene.palette.wall, scene.palette.accent, arch.round ? 0.85F : 0.45F);
    scene.arch = arch;
}

// Behind the product, to one side or both; none larger than what it accompanies.
void set_vessels(Scene& scene, const Settings& settings, Dice& dice) {
    const bool bowl = mentions(settings, "bowl");
    const bool asked = bowl || mentions(settings, "vase") || mentions(settings, "ceramic") ||
                       mentions(settings, "jar") || mentions(settings, "bottle") || mentions(settings, "pottery");
    if (!asked && dice.below(10) >= settings.variety - 1) return;
    const float metre = scene.camera.scale_at(scene.product_z);
    const float wide = scene.product_width / metre;
    const float high = std::max(scene.product_height / metre, 0.45F * wide);
    const float half_view = static_cast<float>(scene.width) / 2 / metre;
    const float first = dice.below(2) == 0 ? -1.0F : 1.0F;
    const int count = asked || settings.variety >= 7 ? 2 : 1;
    for (int i = 0; i < count; ++i) {
        Vessel vessel;
        vessel.kind = i == 0 ? (bowl                 ? VesselKind::bowl
                                : dice.below(2) == 0 ? VesselKind::bottle
                                                     : VesselKind::jar)
                             : (dice.below(2) == 0 ? VesselKind::beaker : VesselKind::jar);
        const float size = i == 0 ? dice.between(0.62F, 0.80F) : dice.between(0.36F, 0.48F);
        vessel.height = high * (vessel.kind == VesselKind::bowl ? 0.40F : size);
        vessel.z = scene.product_z + std::min(0.72F * (scene.wall_z - scene.product_z),
                                              0.30F * wide + vessel.widest() * (i == 0 ? 1.4F : 0.6F));
        const float outermost = half_view * vessel.z / scene.product_z;
        const float beside = wide / 2 + vessel.widest() * dice.between(0.7F, 1.0F) + (i == 1 ? wide * 0.06F : 0);
        vessel.x = (i == 0 ? first : -first) * std::min(beside, outermost - 0.25F * vessel.widest());
        // Clay takes some of the accent's force, except where a photo shows it.
        vessel.color = i == 0 ? mix(scene.palette.accent, from_hex("#b9aa97"), 0.45F * (1 - scene.palette.pull))
                              : scene.palette.drawn(from_hex("#e3dccf"));
        scene.vessels.push_back(vessel);
    }
}

void lay_rug(Scene& scene, const Subject& subject, const Settings& settings, Dice& dice) {
    const bool asked = mentions(settings, "rug") || mentions(settings, "carpet");
    const bool fits =
        settings.room == Room::living_room || settings.room == Room::bedroom || settings.room == Room::office;
    if (!asked && !(fits && dice.below(10) < settings.variety + 1)) return;
    const float side = subject.width * 0.16F + 0.25F;
    Rug rug{};
    rug.left = -subject.width / 2 - side;
    rug.right = subject.width / 2 + side;
    rug.near = scene.product_z * 0.80F;
    rug.far = mix(scene.product_z, scene.wall_z, 0.45F);
    rug.color = with_chroma(scene.palette.ground_at(78), 0.8F);
    rug.border = with_lightness(scene.palette.accent, 52);
    scene.rug = rug;
}

// The height of the skirting board; a seamless set has none.
float skirting_of(const Scene& scene, Style style) {
    if ((scene.stage != Stage::floor && scene.stage != Stage::wall) || scene.sweep) return 0;
    if (style == Style::classic) return 0.17F;
    return style == Style::minimalist || style == Style::industrial ? 0.05F : 0.10F;
}

// Blur of the wall, in pixels: the smaller the set, the shallower the focus.
float far_blur(const Scene& scene, const Settings& settings) {
    float share = 0;
    if (scene.stage == Stage::table) share = 0.0026F;
    if (scene.stage == Stage::plinth) share = 0.0016F;
    if (scene.stage == Stage::floor) share = 0.0006F;
    if (settings.angle == Angle::close_up) share += 0.0040F;
    return share * static_cast<float>(std::max(scene.width, scene.height));
}

// The wall on the side of the light lies in its own shade and leads the eye in.
void raise_side_wall(Scene& scene) {
    const float reach = static_cast<float>(scene.width) * 0.40F / scene.camera.scale_at(scene.wall_z);
    scene.side_x = scene.light.to_key.x < 0 ? -reach : reach;
}

bool mentions_any(const Settings& settings, std::initializer_list<const char*> words) {
    return std::any_of(words.begin(), words.end(), [&](const char* word) { return mentions(settings, word); });
}

}  // namespace

void furnish(Scene& scene, const Settings& settings, const Subject& subject, Dice& dice) {
    scene.skirting = skirting_of(scene, settings.style);
    scene.blur_far = far_blur(scene, settings);
    scene.foreground_leaves = mentions_any(settings, {"leaves", "foliage", "palm", "plant", "garden"});
    const bool room = scene.stage == Stage::floor && !scene.sweep;
    if (scene.stage == Stage::plinth) raise_plinths(scene, subject, dice);
    if (scene.stage == Stage::floor || scene.stage == Stage::table || scene.stage == Stage::plinth) {
        add_arch(scene, settings, subject, dice);
    }
    if (scene.stage == Stage::table && !scene.arch) set_vessels(scene, settings, dice);
    if (room) lay_rug(scene, subject, settings, dice);
    if (room && settings.angle == Angle::three_quarter) raise_side_wall(scene);
}

}  // namespace atelier::media
