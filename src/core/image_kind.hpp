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

// The kind of picture that a file starting with `head` claims to be: JPEG, PNG, WebP, GIF or AVIF. Names and declared
// types play no part. nullopt for all else (SVG among it).
std::optional<ImageKind> sniff_image_kind(std::string_view head) noexcept;

}  // namespace atelier::core
