#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace atelier::core {

struct ImageKind {
    std::string_view mime;       // "image/jpeg"
    std::string_view extension;  // "jpg"; of the object keys that we make
};

// No kind is told by more bytes than these.
inline constexpr std::size_t image_magic_bytes = 32;

// The kind of picture that a file starting with `head` claims to be: JPEG, PNG, WebP, GIF, AVIF or HEIC. Names and
// declared types play no part. nullopt for all else (SVG and sequences of HEVC frames among it).
std::optional<ImageKind> sniff_image_kind(std::string_view head) noexcept;

// What messages say of a file of no such kind.
inline constexpr const char* not_a_picture = "is not a picture (JPEG, PNG, WebP, GIF, AVIF or HEIC)";

}  // namespace atelier::core
