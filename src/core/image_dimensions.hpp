#pragma once
// Width and height of a picture from its own bytes, without a decoder: for pictures that were paid for and are stored
// as they came. PNG (W3C PNG, third edition), JPEG (ITU-T T.81 annex B), WebP (RFC 9649), GIF (89a), AVIF and HEIC
// (heif_dimensions.hpp).

#include <cstdint>
#include <optional>
#include <string_view>

namespace atelier::core {

struct ImageDimensions {
    std::uint32_t width = 0;   // pixels as stored, at least 1; an Exif orientation is not applied
    std::uint32_t height = 0;  // pixels as stored, at least 1
    // The structure goes on to its end: IEND, EOI, the RIFF size, the trailer, the last byte of an item. False for a
    // file that was cut off. What follows the end is not looked at.
    bool whole = false;
};

// nullopt: no picture of these kinds, or cut off before its size. Linear in the length, reads nothing outside, copies
// nothing.
std::optional<ImageDimensions> read_image_dimensions(std::string_view bytes) noexcept;

}  // namespace atelier::core
