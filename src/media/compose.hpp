#pragma once
// The offline provider: a studio picture of a product, made from its photo and the settings by plain image
// processing. Equal input gives equal bytes.

#include <string>

#include "core/json.hpp"
#include "core/result.hpp"
#include "media/codec.hpp"
#include "media/settings.hpp"

namespace atelier::media {

struct Composition {
    std::string jpeg;
    int width = 0;
    int height = 0;
    core::Json metadata;  // what was done: generator, version, background, palette, light, scene, stage
};

// `inspiration` may be empty. Errors are those of read_header and read_photo.
core::Result<Composition> compose(std::string_view product, std::string_view inspiration, const Settings& settings,
                                  const Limits& limits);

}  // namespace atelier::media
