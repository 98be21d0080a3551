#include "core/image_kind.hpp"

namespace atelier::core {
namespace {

constexpr std::string_view png_signature{"\x89PNG\r\n\x1A\n", 8};
constexpr std::string_view jpeg_signature{"\xFF\xD8\xFF", 3};

bool has_at(std::string_view head, std::size_t at, std::string_view what) noexcept {
    return head.size() >= at + what.size() && head.substr(at, what.size()) == what;
}

std::optional<ImageKind> kind_of_brand(std::string_view head, std::size_t at) noexcept {
    if (has_at(head, at, "avif") || has_at(head, at, "avis")) return ImageKind{"image/avif", "avif"};
    if (has_at(head, at, "heic") || has_at(head, at, "heix")) return ImageKind{"image/heic", "heic"};
    return std::nullopt;
}

// ISO/IEC 14496-12: a box "ftyp" comes first, with the major brand, a version, and compatible brands, 4 bytes each.
// HEIF writers that put "mif1" first name the coding among the compatible ones.
std::optional<ImageKind> sniff_heif(std::string_view head) noexcept {
    if (!has_at(head, 4, "ftyp")) return std::nullopt;
    if (!has_at(head, 8, "mif1")) return kind_of_brand(head, 8);
    for (std::size_t at = 16; at + 4 <= image_magic_bytes; at += 4) {
        if (const auto kind = kind_of_brand(head, at)) return kind;
    }
    return std::nullopt;
}

}  // namespace

std::optional<ImageKind> sniff_image_kind(std::string_view head) noexcept {
    if (has_at(head, 0, jpeg_signature)) return ImageKind{"image/jpeg", "jpg"};
    if (has_at(head, 0, png_signature)) return ImageKind{"image/png", "png"};
    if (has_at(head, 0, "RIFF") && has_at(head, 8, "WEBP")) return ImageKind{"image/webp", "webp"};
    if (has_at(head, 0, "GIF87a") || has_at(head, 0, "GIF89a")) return ImageKind{"image/gif", "gif"};
    return sniff_heif(head);
}

}  // namespace atelier::core
