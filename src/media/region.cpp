#include "media/region.hpp"

#include <cmath>

namespace atelier::media {
namespace {

struct Spot {
    int x;
    int y;
};

constexpr Spot neighbours[] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};

// Pixels reached from one start over cells that `joins` accepts, marked in `seen`.
template <class Joins>
std::vector<Spot> connected(Spot start, Grid<unsigned char>& seen, Joins joins) {
    std::vector<Spot> spots{start};
    seen(start.x, start.y) = 1;
    for (std::size_t i = 0; i < spots.size(); ++i) {
        for (const auto [dx, dy] : neighbours) {
            const Spot next{spots[i].x + dx, spots[i].y + dy};
            if (!seen.contains(next.x, next.y) || seen(next.x, next.y) != 0 || !joins(next)) continue;
            seen(next.x, next.y) = 1;
            spots.push_back(next);
        }
    }
    return spots;
}

Mask offsets(const Grid<Lab>& lab, const Grid<Lab>& plain) {
    Mask off(lab.width(), lab.height());
    for (std::size_t i = 0; i < off.size(); ++i)
        off.cells()[i] = distance(lab.cells()[i], plain.cells()[i]);
    return off;
}

Grid<Lab> plain_lab(const Backdrop& backdrop, int width, int height) {
    // The surface is smooth: every fourth pixel is enough to tell colours apart.
    Grid<Lab> plain(width, height);
    for (int y = 0; y < height; ++y) {
        Lab value;
        for (int x = 0; x < width; ++x) {
            if (x % 4 == 0) value = lab_of_encoded(backdrop.at(x, y));
            plain(x, y) = value;
        }
    }
    return plain;
}

// Steepness of lightness, per pixel.
float steepness(const Grid<Lab>& lab, int x, int y) {
    const float dx = lab.clamped(x + 1, y).l - lab.clamped(x - 1, y).l;
    const float dy = lab.clamped(x, y + 1).l - lab.clamped(x, y - 1).l;
    return std::sqrt(dx * dx + dy * dy) / 2;
}

// What passes for a soft shadow: darker than the backdrop, of nearly its hue, without an edge.
struct ShadowRule {
    float darkest;   // share of the backdrop's lightness
    float off_hue;   // L*a*b* units
    float steepest;  // lightness per pixel
};

bool soft_shadow(const Grid<Lab>& lab, const Lab& plain, int x, int y, const ShadowRule& rule) {
    const Lab& here = lab(x, y);
    // Shade takes chroma away, at most in step with lightness.
    const float share = here.l / std::max(1.0F, plain.l);
    const float da = here.a - plain.a * mix(share, 1, 0.5F);
    const float db = here.b - plain.b * mix(share, 1, 0.5F);
    return share < 1 && share > rule.darkest && da * da + db * db < rule.off_hue * rule.off_hue &&
           steepness(lab, x, y) < rule.steepest;
}

// The row under which the foot of the product lies: there the shadow of contact is deep and steep.
int foot_row(const Regions& regions) {
    int top = regions.height();
    int bottom = 0;
    for (int y = 0; y < regions.height(); ++y) {
        const unsigned char* row = regions.row(y);
        if (std::count(row, row + regions.width(), region_product) < regions.width() / 50) continue;
        top = std::min(top, y);
        bottom = y;
    }
    return bottom - (bottom - top) / 7;
}

}  // namespace

Regions flood_background(const Grid<Lab>& lab, const Backdrop& backdrop) {
    const int width = lab.width();
    const int height = lab.height();
    const float reach = std::clamp(3 * backdrop.spread(), 3.0F, 9.0F);
    const float steepest = 1.6F * 900.0F / static_cast<float>(std::max(600, std::max(width, height)));
    const ShadowRule anywhere{0.55F, 5, steepest};
    // Steeper than that is the edge of a thing, however much a grey one resembles a shadow.
    const ShadowRule at_foot{0.35F, 8, 7};
    const Grid<Lab> plain = plain_lab(backdrop, width, height);
    const Mask off = offsets(lab, plain);

    Regions regions(width, height, region_product);
    std::vector<Spot> open;
    int foot = height;
    const auto visit = [&](int x, int y) {
        if (!regions.contains(x, y) || regions(x, y) != region_product) return;
        if (off(x, y) < reach) {
            regions(x, y) = region_background;
        } else if (soft_shadow(lab, plain(x, y), x, y, y < foot ? anywhere : at_foot)) {
            regions(x, y) = region_shadow;
        } else {
            return;
        }
        open.push_back({x, y});
    };
    const auto grow = [&] {
        for (std::size_t i = 0; i < open.size(); ++i) {
            const Spot spot = open[i];
            for (const auto [dx, dy] : neighbours)
                visit(spot.x + dx, spot.y + dy);
        }
    };
    const auto visit_edge = [&](int x, int y) {
        if (off(x, y) < reach) visit(x, y);
    };
    for (int x = 0; x < width; ++x) {
        visit_edge(x, 0);
        visit_edge(x, height - 1);
    }
    for (int y = 0; y < height; ++y) {
        visit_edge(0, y);
        visit_edge(width - 1, y);
    }
    grow();
    foot = foot_row(regions);
    grow();
    return regions;
}

void open_holes(Regions& regions, const Grid<Lab>& lab, const Backdrop& backdrop) {
    const int width = lab.width();
    const int height = lab.height();
    const Grid<Lab> plain = plain_lab(backdrop, width, height);
    const Mask off = offsets(lab, plain);
    const float exact = std::max(2.0F, 1.5F * backdrop.spread());
    const std::size_t largest = regions.size() / 25;
    constexpr std::size_t smallest = 12;
    Grid<unsigned char> seen(width, height);
    const auto joins = [&](Spot s) { return regions(s.x, s.y) == region_product && off(s.x, s.y) < exact; };
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            if (seen(x, y) != 0 || !joins({x, y})) continue;
            const auto spots = connected({x, y}, seen, joins);
            if (spots.size() < smallest || spots.size() > largest) continue;
            float sum = 0;
            for (const auto [sx, sy] : spots)
                sum += off(sx, sy);
            // A highlight on the product only passes through the colour; a hole is made of it.
            if (sum / static_cast<float>(spots.size()) > exact / 2) continue;
            for (const auto [sx, sy] : spots)
                regions(sx, sy) = region_background;
        }
    }
}

void drop_specks(Regions& regions) {
    Grid<unsigned char> seen(regions.width(), regions.height());
    std::vector<std::vector<Spot>> parts;
    std::size_t largest = 0;
    const auto joins = [&](Spot s) { return regions(s.x, s.y) == region_product; };
    for (int y = 0; y < regions.height(); ++y) {
        for (int x = 0; x < regions.width(); ++x) {
            if (seen(x, y) != 0 || !joins({x, y})) continue;
            parts.push_back(connected({x, y}, seen, joins));
            largest = std::max(largest, parts.back().size());
        }
    }
    for (const auto& part : parts) {
        if (part.size() * 200 >= largest) continue;
        for (const auto [x, y] : part)
            regions(x, y) = region_background;
    }
}

}  // namespace atelier::media
