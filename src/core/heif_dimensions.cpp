#include "core/heif_dimensions.hpp"

#include <utility>

#include "core/byte_reader.hpp"

namespace atelier::core {
namespace {

struct Box {
    std::string_view type;
    std::string_view body;
};

// ISO/IEC 14496-12: length and type of 4 bytes each. Length 1: the true one follows in 8 bytes; 0: up to the end. One
// that was cut off is none, and ends the reading.
std::optional<Box> next_box(ByteReader& reader) noexcept {
    if (reader.at_end()) return std::nullopt;
    std::uint64_t length = reader.big_endian(4);
    Box box{reader.take(4), {}};
    std::uint64_t header = 8;
    if (length == 1) {
        length = reader.long_big_endian(8);
        header = 16;
    }
    if (reader.failed() || (length != 0 && length < header)) return std::nullopt;
    box.body = length == 0 ? reader.rest() : reader.take(length - header);
    if (reader.failed()) return std::nullopt;
    return box;
}

std::optional<std::string_view> find_box(std::string_view within, std::string_view type) noexcept {
    ByteReader reader(within);
    while (const auto box = next_box(reader)) {
        if (box->type == type) return box->body;
    }
    return std::nullopt;
}

// The version of a full box; the reader stands behind its flags then.
std::uint32_t read_version(ByteReader& reader) noexcept {
    const std::uint32_t version = reader.byte();
    reader.skip(3);
    return version;
}

std::optional<std::uint32_t> primary_item(std::string_view meta) noexcept {
    const auto body = find_box(meta, "pitm");
    if (!body) return std::nullopt;
    ByteReader reader(*body);
    const std::uint32_t item = reader.big_endian(read_version(reader) == 0 ? 2 : 4);
    if (reader.failed()) return std::nullopt;
    return item;
}

// Properties have numbers, from 1, by their order.
std::optional<Box> property(std::string_view properties, std::uint32_t number) noexcept {
    ByteReader reader(properties);
    std::optional<Box> box;
    for (; number > 0; --number) {
        if (!(box = next_box(reader))) break;
    }
    return box;
}

// A clean aperture: eight numbers, of which the first four are the width and the height as fractions.
void crop(ImageDimensions& size, ByteReader aperture) noexcept {
    const std::uint32_t width = aperture.big_endian(4), width_divisor = aperture.big_endian(4);
    const std::uint32_t height = aperture.big_endian(4), height_divisor = aperture.big_endian(4);
    const bool sound = width_divisor != 0 && height_divisor != 0 && !aperture.failed();
    size.width = sound ? width / width_divisor : 0;
    size.height = sound ? height / height_divisor : 0;
}

void apply(ImageDimensions& size, const Box& property) noexcept {
    ByteReader reader(property.body);
    if (property.type == "ispe") {
        read_version(reader);
        size.width = reader.big_endian(4);
        size.height = reader.big_endian(4);
    } else if (property.type == "clap") {
        crop(size, reader);
    } else if (property.type == "irot" && reader.byte() % 2 == 1) {
        std::swap(size.width, size.height);
    }
}

// Transformations stand behind the size that they transform. An item has at most 255 properties, with numbers of at
// most 15 bits, so that looking each of them up stays within bounds.
std::optional<ImageDimensions> size_of(std::uint32_t item, std::string_view item_properties) noexcept {
    const auto properties = find_box(item_properties, "ipco");
    const auto associations = find_box(item_properties, "ipma");
    if (!properties || !associations) return std::nullopt;
    ByteReader reader(*associations);
    const int item_length = reader.byte() == 0 ? 2 : 4;
    const bool long_numbers = reader.big_endian(3) % 2 == 1;
    ImageDimensions size;
    for (std::uint32_t left = reader.big_endian(4); left > 0 && !reader.failed(); --left) {
        const bool wanted = reader.big_endian(item_length) == item;
        const std::uint32_t count = reader.byte();
        for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) {
            // The highest bit says that a reader must know the property.
            const std::uint32_t number = long_numbers ? reader.big_endian(2) & 0x7FFF : reader.byte() & 0x7F;
            const auto found = wanted ? property(*properties, number) : std::nullopt;
            if (found) apply(size, *found);
        }
        if (wanted) break;
    }
    if (reader.failed() || size.width == 0 || size.height == 0) return std::nullopt;
    return size;
}

// Where data of an item lies: within the file, or within the box "idat".
bool extent_fits(std::uint64_t base, std::uint64_t offset, std::uint64_t length, std::uint64_t available) noexcept {
    return base <= available && offset <= available - base && length <= available - base - offset;
}

// The widths of the numbers in an "iloc", as its first bytes give them.
struct Widths {
    int item, offset, length, base, index;
};

bool item_fits(ByteReader& reader, const Widths& widths, std::uint32_t version, std::uint64_t file_length,
               std::uint64_t data_length) noexcept {
    reader.skip(static_cast<std::size_t>(widths.item));
    const std::uint32_t method = version == 0 ? 0 : reader.big_endian(2) & 0x0F;
    reader.skip(2);  // data reference
    const std::uint64_t base = reader.long_big_endian(widths.base);
    bool fits = true;
    for (std::uint32_t left = reader.big_endian(2); left > 0 && !reader.failed(); --left) {
        reader.skip(static_cast<std::size_t>(widths.index));
        const std::uint64_t offset = reader.long_big_endian(widths.offset);
        const std::uint64_t length = reader.long_big_endian(widths.length);
        // What is made of other items is as whole as they are.
        if (method <= 1) fits = fits && extent_fits(base, offset, length, method == 0 ? file_length : data_length);
    }
    return fits;
}

bool items_fit(std::string_view meta, std::uint64_t file_length) noexcept {
    const auto locations = find_box(meta, "iloc");
    if (!locations) return false;
    const std::uint64_t data_length = find_box(meta, "idat").value_or("").size();
    ByteReader reader(*locations);
    const std::uint32_t version = read_version(reader);
    const std::uint32_t sizes = reader.big_endian(2);
    const auto nibble = [&](int shift) { return static_cast<int>(sizes >> shift & 0x0F); };
    const Widths widths{version < 2 ? 2 : 4, nibble(12), nibble(8), nibble(4), version == 0 ? 0 : nibble(0)};
    // Without lengths nothing tells where an item ends.
    if (widths.length == 0) return false;
    bool fit = true;
    for (std::uint32_t left = reader.big_endian(widths.item); left > 0 && !reader.failed(); --left)
        fit = item_fits(reader, widths, version, file_length, data_length) && fit;
    return fit && !reader.failed();
}

}  // namespace

std::optional<ImageDimensions> read_heif_dimensions(std::string_view bytes) noexcept {
    auto meta = find_box(bytes, "meta");
    if (!meta || meta->size() < 4) return std::nullopt;
    meta->remove_prefix(4);  // version and flags
    const auto item = primary_item(*meta);
    const auto item_properties = find_box(*meta, "iprp");
    if (!item || !item_properties) return std::nullopt;
    auto size = size_of(*item, *item_properties);
    if (size) size->whole = items_fit(*meta, bytes.size());
    return size;
}

}  // namespace atelier::core
