#include "core/image_kind.hpp"

namespace atelier::core {
namespace {

constexpr std::string_view png_signature{"\x89PNG\r\n\x1A\n", 8};
constexpr std::string_view jpeg_signature{"\xFF\xD8\xFF", 3};

bool has_at(std::string_view head, std::size_t at, std::string_view what) noexcept {
    return head.size() >= at + what.size() && head.substr(at, what.size()) == what;
}

// ISO/IEC 14496-12: a box "ftyp" comes first, with the major brand, a version, and compatible brands, 4 bytes each.
// HEIF writers that put "mif1" first name "avif" among the compatible ones.
bool is_avif(std::string_view head) noexcept {
    if (!has_at(head, 4, "ftyp")) return false;
    if (has_at(head, 8, "avif") || has_at(head, 8, "avis")) return true;
    if (!has_at(head, 8, "mif1")) return false;
    for (std::size_t at = 16; at + 4 <= image_magic_bytes; at += 4) {
        if (has_at(head, at, "avif")) return true;
    }
    return false;
}

}  // namespace

std::optional<ImageKind> sniff_image_kind(std::string_view head) noexcept {
    if (has_at(head, 0, jpeg_signature)) return ImageKind{"image/jpeg", "jpg"};
    if (has_at(head, 0, png_signature)) return ImageKind{"image/png", "png"};
    if (has_at(head, 0, "RIFF") && has_at(head, 8, "WEBP")) return ImageKind{"image/webp", "webp"};
    if (has_at(head, 0, "GIF87a") || has_at(head, 0, "GIF89a")) return ImageKind{"image/gif", "gif"};
    if (is_avif(head)) return ImageKind{"image/avif", "avif"};
    return std::nullopt;
}

}  // namespace atelier::core
