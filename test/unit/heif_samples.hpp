#pragma once
// HEIC files as phones write them, put together here: libheif 1.15 encodes tiles, but makes no grid of them.

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace atelier::heif_samples {

using namespace std::string_literals;

struct Photo {
    std::string brands = "heic\0\0\0\0mif1heic"s;  // major brand, version, compatible brands
    std::uint32_t columns = 0;                     // of the grid; 0: one tile, and no grid
    std::uint32_t rows = 0;
    std::uint32_t width = 64;  // before cropping and turning; the tiles may reach beyond
    std::uint32_t height = 64;
    std::uint32_t cropped_width = 0;  // 0: no cropping
    std::uint32_t cropped_height = 0;
    unsigned quarter_turns = 0;     // by the container, anti-clockwise
    unsigned exif_orientation = 0;  // 0: no Exif
};

inline std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t at = 0; at + 2 <= hex.size(); at += 2) {
        unsigned char byte = 0;
        std::from_chars(hex.data() + at, hex.data() + at + 2, byte, 16);
        bytes += static_cast<char>(byte);
    }
    return bytes;
}

inline std::string number(std::uint64_t value, int length) {
    std::string bytes;
    while (length-- > 0)
        bytes += static_cast<char>(value >> (8 * length) & 0xFF);
    return bytes;
}

inline std::string box(const std::string& type, const std::string& body) {
    return number(body.size() + 8, 4) + type + body;
}

inline std::string full_box(const std::string& type, int version, const std::string& body) {
    return box(type, number(static_cast<std::uint64_t>(version) << 24, 4) + body);
}

// 64 x 64 pixels of one colour each, by x265: red, green, blue and grey.
inline const std::string tile_decoder = from_hex(
    "0103700000000000000000001ef000fcfdf8f800000f03200001001840010c01ffff03700000030090000003000003001eba024021000100"
    "2b42010103700000030090000003000003001ea020810596ea4929ae6e04040c0800000300080000030008402200010007440"
    "1c172b02240");
inline const std::array<std::string, 4> tiles = {
    from_hex("000000182801af1380e533c09fffcfca3ffe72f3c3e9b12ad50f53e0"),
    from_hex("000000172801af1380e533c09ffe4a8fff7cdd5ff930a2b543d4f8"),
    from_hex("000000192801af1380e6a870d3fffe1b5457fdfd3abfdd45ad279bf7c0"),
    from_hex("0000000c2801af1380e6cec3e120abae"),
};

// An item of the file: its type, and where its bytes are.
struct Item {
    std::string type;
    bool in_box;  // in "idat", else in "mdat"
    std::size_t offset;
    std::size_t length;
};

// Items are numbered from 1, the primary one; then come the tiles of a grid by rows, then the Exif.
struct Contents {
    std::vector<Item> items;
    std::string box_data;
    std::string data;
};

inline Contents contents_of(const Photo& photo) {
    Contents contents;
    const auto add = [&](const std::string& type, const std::string& bytes, bool in_box = false) {
        std::string& data = in_box ? contents.box_data : contents.data;
        contents.items.push_back({type, in_box, data.size(), bytes.size()});
        data += bytes;
    };
    if (photo.columns == 0) {
        add("hvc1", tiles[0]);
    } else {
        const std::string size = number(photo.width, 4) + number(photo.height, 4);
        add("grid", number(0, 1) + number(1, 1) + number(photo.rows - 1, 1) + number(photo.columns - 1, 1) + size,
            true);
        for (std::uint32_t i = 0; i < photo.columns * photo.rows; ++i)
            add("hvc1", tiles[i % photo.columns % 2 + 2 * (i / photo.columns % 2)]);
    }
    if (photo.exif_orientation != 0) {
        add("Exif",
            "\0\0\0\6Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1"s + number(photo.exif_orientation, 2) + number(0, 6));
    }
    return contents;
}

inline std::string item_infos(const Contents& contents) {
    std::string infos = number(contents.items.size(), 2);
    for (std::size_t i = 0; i < contents.items.size(); ++i)
        infos += full_box("infe", 2, number(i + 1, 2) + number(0, 2) + contents.items[i].type + number(0, 1));
    return full_box("iinf", 0, infos);
}

inline std::string item_locations(const Contents& contents, std::size_t data_offset) {
    std::string locations = "\x44\x00"s + number(contents.items.size(), 2);
    for (std::size_t i = 0; i < contents.items.size(); ++i) {
        const Item& item = contents.items[i];
        locations += number(i + 1, 2) + number(item.in_box ? 1 : 0, 2) + number(0, 2) + number(1, 2) +
                     number(item.offset + (item.in_box ? 0 : data_offset), 4) + number(item.length, 4);
    }
    return full_box("iloc", 1, locations);
}

inline std::string item_references(const Contents& contents, std::uint32_t tile_count) {
    std::string references;
    if (tile_count > 0) {
        std::string to;
        for (std::uint32_t i = 0; i < tile_count; ++i)
            to += number(i + 2, 2);
        references += box("dimg", number(1, 2) + number(tile_count, 2) + to);
    }
    if (contents.items.back().type == "Exif") {
        references += box("cdsc", number(contents.items.size(), 2) + number(1, 2) + number(1, 2));
    }
    return references.empty() ? "" : full_box("iref", 0, references);
}

inline std::string item_properties(const Photo& photo, std::uint32_t tile_count) {
    const std::string crop = number(photo.cropped_width, 4) + number(1, 4) + number(photo.cropped_height, 4) +
                             number(1, 4) + number(0, 4) + number(1, 4) + number(0, 4) + number(1, 4);
    const std::string properties = box("hvcC", tile_decoder) + full_box("ispe", 0, number(64, 4) + number(64, 4)) +
                                   full_box("ispe", 0, number(photo.width, 4) + number(photo.height, 4)) +
                                   box("irot", number(photo.quarter_turns, 1)) + box("clap", crop);
    // The highest bit: a reader must know the property.
    const std::string decoder = tile_count == 0 ? "\x81"s : "";
    const std::string cropping = photo.cropped_width != 0 ? "\x85"s : "";
    const std::string of_primary = decoder + "\x03"s + cropping + "\x84"s;
    std::string associations = number(tile_count + 1, 4) + number(1, 2) + number(of_primary.size(), 1) + of_primary;
    for (std::uint32_t i = 0; i < tile_count; ++i)
        associations += number(i + 2, 2) + "\x02\x81\x02"s;
    return box("iprp", box("ipco", properties) + full_box("ipma", 0, associations));
}

inline std::string file(const Photo& photo) {
    const Contents contents = contents_of(photo);
    const std::uint32_t tile_count = photo.columns * photo.rows;
    const std::string brands = box("ftyp", photo.brands);
    const auto head = [&](std::size_t data_offset) {
        return brands + full_box("meta", 0,
                                 full_box("hdlr", 0, number(0, 4) + "pict" + number(0, 13)) +
                                     full_box("pitm", 0, number(1, 2)) + item_infos(contents) +
                                     item_references(contents, tile_count) + item_properties(photo, tile_count) +
                                     box("idat", contents.box_data) + item_locations(contents, data_offset));
    };
    return head(head(0).size() + 8) + box("mdat", contents.data);
}

}  // namespace atelier::heif_samples
