#pragma once
// The set that a product is photographed on, as decided from the settings; nothing is drawn here.

#include <optional>
#include <vector>

#include "media/geometry.hpp"
#include "media/ground.hpp"
#include "media/inspiration.hpp"
#include "media/light.hpp"
#include "media/palette.hpp"
#include "media/settings.hpp"
#include "media/subject.hpp"
#include "media/vessel.hpp"
#include "media/wall.hpp"

namespace atelier::media {

enum class Stage {
    floor,    // on the floor of a room
    table,    // on a table, counter or shelf against a wall
    plinth,   // on a round plinth in a studio
    ledge,    // on a terrace or sill before a photo or a blurred garden
    flatlay,  // lying on a surface, seen from above
    wall,     // a framed photo on the wall of a room
};
const char* to_string(Stage stage);

// A round block on the ground that carries the product or stands beside it.
struct Plinth {
    float x = 0;
    float z = 0;
    float radius = 0.2F;
    float height = 0.2F;
    Rgb color;
};

struct Rug {
    float left, right, near, far;
    Rgb color;
    Rgb border;
};

// A niche or painted shape on the wall, behind the product.
struct Arch {
    float x = 0;
    float half_width = 0.5F;
    float top = 1;      // height of the crown
    bool round = true;  // a full disc instead of an arch: center at `top` - half_width
    bool recessed = true;
    Rgb color;
};

struct Scene {
    Stage stage = Stage::table;
    int width = 0;  // pixels of the picture
    int height = 0;
    Camera camera;
    float unit = 1;           // size of this set against a room
    float product_z = 2;      // depth that the product stands at
    float product_base = 0;   // height that it stands at
    float product_width = 0;  // pixels
    float product_height = 0;
    float wall_z = 3;
    float side_x = 0;    // a wall on the left (below 0) or right (above 0); 0 is none
    float skirting = 0;  // height of the skirting board; 0 is none
    bool sweep = false;  // ground and wall run into each other
    float blur_far = 0;  // pixels of blur on the wall
    Ground ground;
    Wall wall;
    Palette palette;
    Light light;
    std::vector<Plinth> plinths;
    std::vector<Vessel> vessels;
    std::optional<Rug> rug;
    std::optional<Arch> arch;
    bool foreground_leaves = false;
    bool backdrop = false;  // the inspiration photo instead of the wall
    std::uint64_t seed = 0;

    float picture_width_metres() const { return static_cast<float>(width) / camera.scale_at(product_z); }
};

struct ProductShape {
    int width = 1;  // pixels of the cut-out
    int height = 1;
    Rgb color;  // the dominant one
    bool framed = false;
};

// Pictures with the same inspiration are of one family: its colours, its light, its kind of room.
Scene derive_scene(const Settings& settings, const ProductShape& product,
                   const std::optional<Inspiration>& inspiration);

}  // namespace atelier::media
