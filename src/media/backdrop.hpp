#pragma once
// The plain background of a product photo: whether there is one, and its colour at each point.

#include <array>
#include <optional>

#include "media/color.hpp"
#include "media/raster.hpp"

namespace atelier::media {

// A smooth surface over the photo: a quadratic in x and y for each channel, so that a lit sweep counts as plain.
class Backdrop {
  public:
    // Colour in sRGB encoding (0..1) at a pixel.
    Rgb at(int x, int y) const;
    // How far the photo's border strays from the surface, in L*a*b* units (90th percentile).
    float spread() const { return spread_; }

    // nullopt when less than 70 % of the photo's border follows one smooth colour. `encoded` is in sRGB encoding.
    static std::optional<Backdrop> of_border(const Picture& encoded, const Grid<Lab>& lab);
    // Fits the surface again, to all pixels that `is_background` (1) marks; unchanged when they are few.
    void refine(const Picture& encoded, const Grid<unsigned char>& is_background);

  private:
    static constexpr std::size_t terms = 6;
    using Surface = std::array<std::array<double, terms>, 3>;

    std::array<double, terms> basis(int x, int y) const;

    int width_ = 1;
    int height_ = 1;
    Surface surface_{};
    float spread_ = 0;

    friend class SurfaceFit;
};

// L*a*b* of colours in sRGB encoding.
Lab lab_of_encoded(Rgb encoded);

}  // namespace atelier::media
