#include "media/furnish.hpp"

#include "media/color.hpp"

namespace atelier::media {
namespace {

Ground wooden(const Palette& palette, GroundKind kind) {
    return {kind, palette.wood, palette.wood * 0.22F, 1, 0.08F, 0};
}

Ground mineral(GroundKind kind, Rgb base, Rgb second, float gloss) {
    return {kind, base, second, 1, gloss, 0};
}

Ground room_floor(const Settings& settings, const Palette& palette) {
    switch (settings.room) {
        case Room::kitchen:
        case Room::bathroom:
            if (settings.style == Style::classic)
                return mineral(GroundKind::checker, from_hex("#e6e2da"), from_hex("#4a4a4b"), 0.32F);
            return mineral(GroundKind::tiles, with_lightness(palette.ground, 74), palette.ground * 0.5F, 0.26F);
        case Room::studio:
        case Room::unspecified:
            return {GroundKind::seamless, palette.wall, palette.wall, 1, 0.08F, 0};
        case Room::outdoor:
            return wooden(palette, GroundKind::deck);
        default:
            break;
    }
    switch (settings.style) {
        case Style::industrial:
            return mineral(GroundKind::concrete, from_hex("#97938c"), from_hex("#5a5854"), 0.20F);
        case Style::classic:
            return wooden(palette, GroundKind::herringbone);
        case Style::modern:
            return settings.room == Room::hallway
                       ? mineral(GroundKind::terrazzo, from_hex("#d9d3c8"), from_hex("#a77f62"), 0.25F)
                       : wooden(palette, GroundKind::herringbone);
        case Style::minimalist:
            return mineral(GroundKind::concrete, with_lightness(palette.ground, 77), palette.ground * 0.6F, 0.22F);
        default:
            return wooden(palette, GroundKind::planks);
    }
}

Ground table_top(const Settings& settings, const Palette& palette, Dice& dice) {
    const Ground white_marble = mineral(GroundKind::marble, from_hex("#e9e6e1"), from_hex("#8b8a8a"), 0.30F);
    switch (settings.room) {
        case Room::kitchen:
            return settings.style == Style::rustic || settings.style == Style::scandinavian
                       ? wooden(palette, GroundKind::board)
                       : white_marble;
        case Room::bathroom:
            return settings.style == Style::japandi || settings.style == Style::rustic
                       ? mineral(GroundKind::stone, from_hex("#b5aa9a"), from_hex("#7d7568"), 0.16F)
                       : white_marble;
        case Room::bedroom:
        case Room::dining_room:
            if (settings.style == Style::bohemian || settings.style == Style::rustic)
                return {GroundKind::linen, with_lightness(palette.ground, 80), palette.ground, 1, 0, 0};
            return wooden(palette, GroundKind::board);
        case Room::hallway:
            if (settings.style == Style::classic || settings.style == Style::modern)
                return mineral(GroundKind::terrazzo, from_hex("#d6d0c6"), from_hex("#9d7a60"), 0.25F);
            return wooden(palette, GroundKind::board);
        default:
            break;
    }
    if (settings.style == Style::industrial)
        return mineral(GroundKind::concrete, from_hex("#8d8a85"), from_hex("#55534f"), 0.16F);
    if (settings.style == Style::minimalist && dice.below(2) == 0)
        return mineral(GroundKind::stone, with_lightness(palette.ground, 76), palette.ground, 0.12F);
    return wooden(palette, GroundKind::board);
}

WallKind wall_kind(const Settings& settings, Stage stage, Dice& dice) {
    if (stage == Stage::plinth || settings.room == Room::studio || settings.room == Room::unspecified) {
        return settings.style == Style::industrial ? WallKind::concrete : WallKind::seamless;
    }
    const bool wet = settings.room == Room::kitchen || settings.room == Room::bathroom;
    switch (settings.style) {
        case Style::industrial:
            return wet ? WallKind::tiles : dice.below(3) == 0 ? WallKind::concrete : WallKind::brick;
        case Style::classic:
            return wet ? WallKind::tiles : WallKind::panels;
        case Style::japandi:
            return wet ? WallKind::zellige : WallKind::slats;
        case Style::scandinavian:
            return wet ? WallKind::tiles : WallKind::boards;
        case Style::rustic:
            return wet ? WallKind::zellige : WallKind::plaster;
        case Style::bohemian:
            return wet ? WallKind::zellige : WallKind::plaster;
        case Style::minimalist:
            return WallKind::plaster;
        case Style::modern:
            return wet ? WallKind::zellige : dice.below(3) == 0 ? WallKind::slats : WallKind::plaster;
        case Style::unspecified:
            break;
    }
    return wet ? WallKind::tiles : WallKind::plaster;
}

Wall wall_of(const Settings& settings, Stage stage, const Palette& palette, Dice& dice) {
    Wall wall;
    wall.kind = wall_kind(settings, stage, dice);
    wall.base = palette.wall;
    wall.second = palette.wall * 0.6F;
    if (wall.kind == WallKind::slats) wall.second = palette.wood;
    if (wall.kind == WallKind::concrete) wall.base = mix(palette.wall, from_hex("#a8a5a0"), 0.7F);
    if (wall.kind == WallKind::brick) {
        const bool painted = settings.scheme == Scheme::neutral || settings.scheme == Scheme::cool ||
                             settings.scheme == Scheme::monochrome;
        wall.base = painted ? with_lightness(palette.wall, 80) : from_hex("#a5664b");
        wall.second = painted ? with_lightness(palette.wall, 74) : from_hex("#b3a698");
    }
    if (wall.kind == WallKind::tiles) wall.second = with_lightness(palette.wall, 66);
    if (wall.kind == WallKind::zellige)
        wall.second = with_lightness(palette.wall, std::max(35.0F, to_lab(palette.wall).l - 12));
    return wall;
}

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
    const bool disc = mentions(settings, "disc") || mentions(settings, "sun");
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
        const float size = i == 0 ? dice.between(0.75F, 1.0F) : dice.between(0.42F, 0.58F);
        vessel.height = high * (vessel.kind == VesselKind::bowl ? 0.40F : size);
        vessel.z = scene.product_z + std::min(0.72F * (scene.wall_z - scene.product_z),
                                              0.30F * wide + vessel.widest() * (i == 0 ? 1.4F : 0.6F));
        const float outermost = half_view * vessel.z / scene.product_z;
        const float beside = wide / 2 + vessel.widest() * dice.between(0.35F, 0.8F) + (i == 1 ? wide * 0.06F : 0);
        vessel.x = (i == 0 ? first : -first) * std::min(beside, outermost - 0.5F * vessel.widest());
        vessel.color = i == 0 ? mix(scene.palette.accent, from_hex("#b9aa97"), 0.45F) : from_hex("#e3dccf");
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
    rug.color = with_lightness(with_chroma(scene.palette.ground, 0.8F), 78);
    rug.border = with_lightness(scene.palette.accent, 52);
    scene.rug = rug;
}

}  // namespace

void furnish(Scene& scene, const Settings& settings, const Subject& subject, Dice& dice) {
    const bool room_size = scene.stage == Stage::floor || scene.stage == Stage::wall;
    switch (scene.stage) {
        case Stage::floor:
        case Stage::wall:
            scene.ground = room_floor(settings, scene.palette);
            break;
        case Stage::plinth:
            scene.ground = {GroundKind::seamless, scene.palette.wall, scene.palette.wall, 1, 0.06F, 0};
            break;
        case Stage::ledge:
            scene.ground = settings.style == Style::minimalist || settings.style == Style::modern ||
                                   settings.style == Style::industrial
                               ? mineral(GroundKind::stone, mix(scene.palette.ground, from_hex("#bdb5a8"), 0.6F),
                                         scene.palette.ground * 0.6F, 0.12F)
                               : wooden(scene.palette, subject.furniture ? GroundKind::deck : GroundKind::board);
            break;
        case Stage::table:
        case Stage::flatlay:
            scene.ground = table_top(settings, scene.palette, dice);
            break;
    }
    scene.wall = wall_of(settings, scene.stage, scene.palette, dice);
    scene.ground.seed = scene.seed ^ 0x51ed27;
    scene.wall.seed = scene.seed ^ 0xa3c59b;
    scene.ground.unit = scene.unit;
    scene.wall.unit = scene.unit;
    scene.sweep = scene.wall.kind == WallKind::seamless && scene.ground.kind == GroundKind::seamless;
    if (room_size && !scene.sweep)
        scene.skirting = settings.style == Style::classic                                             ? 0.17F
                         : settings.style == Style::minimalist || settings.style == Style::industrial ? 0.05F
                                                                                                      : 0.10F;

    if (scene.stage == Stage::plinth) raise_plinths(scene, subject, dice);
    if (scene.stage != Stage::ledge && scene.stage != Stage::flatlay && scene.stage != Stage::wall)
        add_arch(scene, settings, subject, dice);
    if (scene.stage == Stage::table && !scene.arch) set_vessels(scene, settings, dice);
    if (scene.stage == Stage::floor && !scene.sweep) lay_rug(scene, subject, settings, dice);
    if (scene.stage == Stage::floor && settings.angle == Angle::three_quarter && !scene.sweep) {
        // The wall on the side of the light lies in its own shade and leads the eye in.
        const float reach = static_cast<float>(scene.width) * 0.40F / scene.camera.scale_at(scene.wall_z);
        scene.side_x = scene.light.to_key.x < 0 ? -reach : reach;
    }
    scene.curtain = scene.stage == Stage::floor && (mentions(settings, "curtain") || mentions(settings, "drape"));
    scene.foreground_leaves = mentions(settings, "leaves") || mentions(settings, "foliage") ||
                              mentions(settings, "palm") || mentions(settings, "plant") || mentions(settings, "garden");
    const float soft = static_cast<float>(std::max(scene.width, scene.height));
    if (scene.stage == Stage::table) scene.blur_far = 0.0026F * soft;
    if (scene.stage == Stage::plinth) scene.blur_far = 0.0016F * soft;
    if (settings.angle == Angle::close_up) scene.blur_far += 0.0040F * soft;
    if (scene.stage == Stage::floor) scene.blur_far = 0.0006F * soft;
}

}  // namespace atelier::media
