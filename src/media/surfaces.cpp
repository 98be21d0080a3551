#include "media/surfaces.hpp"

#include <optional>
#include <string>
#include <utility>

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
                return mineral(GroundKind::checker, palette.drawn(from_hex("#e6e2da")), from_hex("#4a4a4b"), 0.32F);
            return mineral(GroundKind::tiles, palette.ground_at(74), palette.ground * 0.5F, 0.26F);
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
            return mineral(GroundKind::concrete, palette.drawn(from_hex("#97938c")), palette.drawn(from_hex("#5a5854")),
                           0.20F);
        case Style::classic:
            return wooden(palette, GroundKind::herringbone);
        case Style::modern:
            return settings.room == Room::hallway ? mineral(GroundKind::terrazzo, palette.drawn(from_hex("#d9d3c8")),
                                                            palette.drawn(from_hex("#a77f62")), 0.25F)
                                                  : wooden(palette, GroundKind::herringbone);
        case Style::minimalist:
            return mineral(GroundKind::concrete, palette.ground_at(77), palette.ground * 0.6F, 0.22F);
        default:
            return wooden(palette, GroundKind::planks);
    }
}

Ground table_top(const Settings& settings, const Palette& palette, Dice& dice) {
    const Ground white_marble =
        mineral(GroundKind::marble, palette.drawn(from_hex("#e9e6e1")), palette.drawn(from_hex("#8b8a8a")), 0.30F);
    switch (settings.room) {
        case Room::kitchen:
            return settings.style == Style::rustic || settings.style == Style::scandinavian
                       ? wooden(palette, GroundKind::board)
                       : white_marble;
        case Room::bathroom:
            return settings.style == Style::japandi || settings.style == Style::rustic
                       ? mineral(GroundKind::stone, palette.drawn(from_hex("#b5aa9a")),
                                 palette.drawn(from_hex("#7d7568")), 0.16F)
                       : white_marble;
        case Room::bedroom:
        case Room::dining_room:
            if (settings.style == Style::bohemian || settings.style == Style::rustic)
                return {GroundKind::linen, palette.ground_at(80), palette.ground, 1, 0, 0};
            return wooden(palette, GroundKind::board);
        case Room::hallway:
            if (settings.style == Style::classic || settings.style == Style::modern)
                return mineral(GroundKind::terrazzo, palette.drawn(from_hex("#d6d0c6")),
                               palette.drawn(from_hex("#9d7a60")), 0.25F);
            return wooden(palette, GroundKind::board);
        default:
            break;
    }
    if (settings.style == Style::industrial)
        return mineral(GroundKind::concrete, palette.drawn(from_hex("#8d8a85")), palette.drawn(from_hex("#55534f")),
                       0.16F);
    if (settings.style == Style::minimalist && dice.below(2) == 0)
        return mineral(GroundKind::stone, palette.ground_at(76), palette.ground, 0.12F);
    return wooden(palette, GroundKind::board);
}

// What the surroundings name outright goes before what the style would choose.
std::optional<WallKind> named_wall(const Settings& settings) {
    constexpr std::pair<const char*, WallKind> names[] = {{"brick", WallKind::brick},
                                                          {"slat", WallKind::slats},
                                                          {"panel", WallKind::panels},
                                                          {"zellige", WallKind::zellige},
                                                          {"hand-made tile", WallKind::zellige},
                                                          {"tile", WallKind::tiles},
                                                          {"concrete wall", WallKind::concrete},
                                                          {"plaster", WallKind::plaster},
                                                          {"lime-wash", WallKind::plaster},
                                                          {"painted boards", WallKind::boards},
                                                          {"wainscot", WallKind::boards}};
    for (const auto& [word, kind] : names) {
        if (settings.surroundings.find(word) != std::string::npos) return kind;
    }
    return std::nullopt;
}

std::optional<Ground> named_top(const Settings& settings, const Palette& palette) {
    const auto says = [&](const char* word) { return settings.surroundings.find(word) != std::string::npos; };
    if (says("marble"))
        return mineral(GroundKind::marble, palette.drawn(from_hex("#e9e6e1")), palette.drawn(from_hex("#8b8a8a")),
                       0.30F);
    if (says("linen")) return Ground{GroundKind::linen, palette.ground_at(80), palette.ground, 1, 0, 0};
    if (says("terrazzo"))
        return mineral(GroundKind::terrazzo, palette.drawn(from_hex("#d6d0c6")), palette.drawn(from_hex("#9d7a60")),
                       0.25F);
    if (says("concrete"))
        return mineral(GroundKind::concrete, palette.drawn(from_hex("#8d8a85")), palette.drawn(from_hex("#55534f")),
                       0.16F);
    if (says("stone")) return mineral(GroundKind::stone, palette.ground_at(74), palette.ground, 0.12F);
    if (says("oak") || says("wood") || says("walnut")) return wooden(palette, GroundKind::board);
    return std::nullopt;
}

WallKind wall_kind(const Settings& settings, Stage stage, Dice& dice) {
    if (stage == Stage::plinth || settings.room == Room::studio || settings.room == Room::unspecified) {
        return settings.style == Style::industrial ? WallKind::concrete : WallKind::seamless;
    }
    if (const auto named = named_wall(settings)) return *named;
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
    if (wall.kind == WallKind::slats) wall.second = palette.pull > 0 ? palette.wall : palette.wood;
    if (wall.kind == WallKind::concrete) wall.base = mix(palette.wall, from_hex("#a8a5a0"), 0.7F * (1 - palette.pull));
    if (wall.kind == WallKind::brick && palette.pull <= 0) {
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

Ground ledge_top(const Settings& settings, const Palette& palette, const Subject& subject) {
    const bool cut =
        settings.style == Style::minimalist || settings.style == Style::modern || settings.style == Style::industrial;
    if (!cut) return wooden(palette, subject.furniture ? GroundKind::deck : GroundKind::board);
    return mineral(GroundKind::stone, mix(palette.ground, from_hex("#bdb5a8"), 0.6F * (1 - palette.pull)),
                   palette.ground * 0.6F, 0.12F);
}

Ground ground_of(const Settings& settings, Stage stage, const Palette& palette, const Subject& subject, Dice& dice) {
    switch (stage) {
        case Stage::floor:
        case Stage::wall:
            return room_floor(settings, palette);
        case Stage::plinth:
            return {GroundKind::seamless, palette.wall, palette.wall, 1, 0.06F, 0};
        case Stage::ledge:
            return ledge_top(settings, palette, subject);
        case Stage::table:
        case Stage::flatlay:
            break;
    }
    const auto named = named_top(settings, palette);
    if (named) return *named;
    // All that one sees from above is the ground: a cloth or slab in the wall's colour tells the photo better than
    // wood.
    if (stage == Stage::flatlay && palette.pull > 0) {
        if (dice.below(2) == 0) return {GroundKind::linen, palette.wall, palette.ground, 1, 0, 0};
        return mineral(GroundKind::stone, palette.wall, palette.ground, 0.12F);
    }
    return table_top(settings, palette, dice);
}

}  // namespace

void choose_surfaces(Scene& scene, const Settings& settings, const Subject& subject, Dice& dice) {
    scene.ground = ground_of(settings, scene.stage, scene.palette, subject, dice);
    scene.wall = wall_of(settings, scene.stage, scene.palette, dice);
    scene.ground.seed = scene.seed ^ 0x51ed27;
    scene.wall.seed = scene.seed ^ 0xa3c59b;
    scene.ground.unit = scene.unit;
    scene.wall.unit = scene.unit;
    scene.sweep = scene.wall.kind == WallKind::seamless && scene.ground.kind == GroundKind::seamless;
}

}  // namespace atelier::media
