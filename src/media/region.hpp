#pragma once
// Which pixels of a photo are background: regions grown from the border, holes, specks.

#include "media/backdrop.hpp"
#include "media/raster.hpp"

namespace atelier::media {

// What a pixel belongs to.
inline constexpr unsigned char region_product = 0;
inline constexpr unsigned char region_background = 1;
inline constexpr unsigned char region_shadow = 2;  // background that the product darkens

using Regions = Grid<unsigned char>;

// Grows from the border over what looks like the backdrop, and on over smooth darker background (a soft shadow),
// which an edge stops.
Regions flood_background(const Grid<Lab>& lab, const Backdrop& backdrop);

// Marks enclosed spots as background where they are of exactly the backdrop's colour and not large: between laces or
// strings. A large one may be a white screen and stays.
void open_holes(Regions& regions, const Grid<Lab>& lab, const Backdrop& backdrop);

// Gives product regions that are tiny beside the largest one to the background: dust, watermarks.
void drop_specks(Regions& regions);

}  // namespace atelier::media
