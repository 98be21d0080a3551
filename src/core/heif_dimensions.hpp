#pragma once

#include <optional>
#include <string_view>

#include "core/image_dimensions.hpp"

namespace atelier::core {

// read_image_dimensions() for a HEIF file (ISO/IEC 23008-12), AVIF and HEIC alike: of its primary item, be it one coded
// picture or a grid of them, and after the crop and the turns that the container itself prescribes. Whole when every
// item ends within the file.
std::optional<ImageDimensions> read_heif_dimensions(std::string_view bytes) noexcept;

}  // namespace atelier::core
