#pragma once
// Cutting the product out of its photo.

#include "media/raster.hpp"

namespace atelier::media {

enum class Background {
    plain,   // near-uniform, taken away
    alpha,   // the photo came with its own cover
    framed,  // neither: the photo stays whole
};

// "plain", "alpha", "framed".
const char* to_string(Background background);

struct Extraction {
    Background background = Background::framed;
    // The product with a margin of one clear pixel, edges freed of the background's colour. Empty when framed.
    Cutout product;
    // The product's own soft shadow in the photo, same size as the product; 0 none, 1 black.
    Mask own_shadow;
};

// `photo` is linear; `alpha` is empty when the file has none. Fails into `framed`, never otherwise: when the border
// is not of one smooth colour, when nothing or nearly everything would be left, when the product is cut off by the
// border on a long stretch.
Extraction extract_product(const Picture& photo, const Mask& alpha);

}  // namespace atelier::media
