#include "core/image_dimensions.hpp"

#include <cstddef>

#include "core/byte_reader.hpp"
#include "core/heif_dimensions.hpp"
#include "core/image_kind.hpp"

namespace atelier::core {
namespace {

using namespace std::string_view_literals;

std::optional<ImageDimensions> dimensions(std::uint32_t width, std::uint32_t height) noexcept {
    if (width == 0 || height == 0) return std::nullopt;
    return ImageDimensions{width, height, false};
}

// A chunk: length, type, data, CRC of 4 bytes.
bool png_is_whole(ByteReader reader) noexcept {
    bool has_data = false;
    while (!reader.failed()) {
        const std::uint32_t length = reader.big_endian(4);
        const std::string_view type = reader.take(4);
        reader.skip(length);
        reader.skip(4);
        if (type == "IDAT") has_data = true;
        if (type == "IEND") return has_data && !reader.failed();
    }
    return false;
}

std::optional<ImageDimensions> read_png(ByteReader reader) noexcept {
    reader.skip(8);
    const ByteReader chunks = reader;
    if (reader.big_endian(4) != 13 || reader.take(4) != "IHDR") return std::nullopt;
    const std::uint32_t width = reader.big_endian(4);
    const std::uint32_t height = reader.big_endian(4);
    auto size = dimensions(width, height);
    if (reader.failed() || width > 0x7FFFFFFF || height > 0x7FFFFFFF) return std::nullopt;
    if (size) size->whole = png_is_whole(chunks);
    return size;
}

bool is_start_of_frame(std::uint32_t marker) noexcept {
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// The next marker that is neither padding, nor a stuffed 0xFF of entropy-coded data, nor a restart of it. 0 at the end.
std::uint32_t next_jpeg_marker(ByteReader& reader) noexcept {
    while (!reader.at_end()) {
        reader.skip_to('\xFF');
        std::uint32_t marker = 0xFF;
        while (marker == 0xFF && !reader.at_end())
            marker = reader.byte();
        if (marker != 0 && marker != 0xFF && (marker < 0xD0 || marker > 0xD7)) return marker;
    }
    return 0;
}

std::optional<ImageDimensions> read_jpeg(ByteReader reader) noexcept {
    constexpr std::uint32_t start_of_image = 0xD8, end_of_image = 0xD9, start_of_scan = 0xDA;
    std::optional<ImageDimensions> size;
    bool has_scan = false;
    for (std::uint32_t marker; (marker = next_jpeg_marker(reader)) != 0;) {
        if (marker == start_of_image || marker == 0x01) continue;
        if (marker == end_of_image) {
            if (size) size->whole = has_scan;
            break;
        }
        const std::uint32_t length = reader.big_endian(2);
        if (length < 2) break;
        ByteReader segment(reader.take(length - 2));
        if (marker == start_of_scan) has_scan = true;
        if (is_start_of_frame(marker) && !size) {
            segment.skip(1);  // sample precision
            const std::uint32_t height = segment.big_endian(2);
            size = dimensions(segment.big_endian(2), height);
            if (!size || segment.failed()) return std::nullopt;
        }
    }
    return size;
}

std::optional<ImageDimensions> read_webp_header(std::string_view type, ByteReader data) noexcept {
    std::uint32_t width = 0, height = 0;
    if (type == "VP8 ") {
        data.skip(3);  // frame tag
        if (data.take(3) != "\x9D\x01\x2A"sv) return std::nullopt;
        width = data.little_endian(2) & 0x3FFF;
        height = data.little_endian(2) & 0x3FFF;
    } else if (type == "VP8L") {
        if (data.byte() != 0x2F) return std::nullopt;
        const std::uint32_t bits = data.little_endian(4);
        width = (bits & 0x3FFF) + 1;
        height = (bits >> 14 & 0x3FFF) + 1;
    } else if (type == "VP8X") {
        data.skip(4);  // flags
        width = data.little_endian(3) + 1;
        height = data.little_endian(3) + 1;
    }
    if (data.failed()) return std::nullopt;
    return dimensions(width, height);
}

std::optional<ImageDimensions> read_webp(ByteReader reader) noexcept {
    reader.skip(4);
    const std::uint32_t riff_size = reader.little_endian(4);
    if (riff_size < 12) return std::nullopt;
    ByteReader chunks(reader.take(riff_size));
    const bool fits = !reader.failed();
    chunks.skip(4);  // "WEBP"
    std::optional<ImageDimensions> size;
    bool has_data = false;
    while (!chunks.at_end()) {
        const std::string_view type = chunks.take(4);
        const std::uint32_t length = chunks.little_endian(4);
        const std::string_view data = chunks.take(length);
        if (!size && !(size = read_webp_header(type, ByteReader(data)))) return std::nullopt;
        has_data = has_data || type == "VP8 " || type == "VP8L" || type == "ANMF";
        if (length % 2 == 1 && !chunks.at_end()) chunks.skip(1);
    }
    if (size) size->whole = fits && has_data && !chunks.failed();
    return size;
}

// Blocks of at most 255 bytes, each behind its length; an empty one ends them.
void skip_gif_blocks(ByteReader& reader) noexcept {
    while (const std::uint32_t length = reader.byte())
        reader.skip(length);
}

// The size of a colour table, from the flags that announce it.
std::size_t gif_table_bytes(std::uint32_t flags) noexcept {
    return (flags & 0x80) != 0 ? std::size_t{3} << ((flags & 0x07) + 1) : 0;
}

bool gif_is_whole(ByteReader reader) noexcept {
    constexpr std::uint32_t extension = 0x21, image = 0x2C, trailer = 0x3B;
    bool has_image = false;
    while (!reader.failed()) {
        const std::uint32_t block = reader.byte();
        if (block == trailer) return has_image;
        if (block == extension) {
            reader.skip(1);
        } else if (block == image) {
            reader.skip(8);
            reader.skip(gif_table_bytes(reader.byte()));
            reader.skip(1);  // LZW code size
            has_image = true;
        } else {
            return false;
        }
        skip_gif_blocks(reader);
    }
    return false;
}

std::optional<ImageDimensions> read_gif(ByteReader reader) noexcept {
    reader.skip(6);
    const std::uint32_t width = reader.little_endian(2);
    auto size = dimensions(width, reader.little_endian(2));
    const std::uint32_t flags = reader.byte();
    if (reader.failed()) return std::nullopt;
    reader.skip(2);  // background colour, aspect ratio
    reader.skip(gif_table_bytes(flags));
    if (size) size->whole = gif_is_whole(reader);
    return size;
}

}  // namespace

std::optional<ImageDimensions> read_image_dimensions(std::string_view bytes) noexcept {
    const auto kind = sniff_image_kind(bytes.substr(0, image_magic_bytes));
    if (!kind) return std::nullopt;
    const ByteReader reader(bytes);
    if (kind->mime == "image/png") return read_png(reader);
    if (kind->mime == "image/jpeg") return read_jpeg(reader);
    if (kind->mime == "image/webp") return read_webp(reader);
    if (kind->mime == "image/gif") return read_gif(reader);
    return read_heif_dimensions(bytes);
}

}  // namespace atelier::core
