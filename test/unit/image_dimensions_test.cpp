#include "core/image_dimensions.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "core/image_kind.hpp"
#include "heif_samples.hpp"
#include "provider/base64.hpp"

namespace atelier::core {
namespace {

using namespace std::string_literals;

std::string from_base64(std::string_view text) {
    return provider::decode_base64(text).value();
}

// 37 x 21, written by libvips 8.14.
const std::string png = from_base64(
    "iVBORw0KGgoAAAANSUhEUgAAACUAAAAVCAIAAABOhrD5AAAACXBIWXMAAAPoAAAD6AG1e1JrAAAAGUlEQVRIie3BgQAAAADDoPlT3+AEVQEA8AwJ"
    "MAABlkGHgQAAAABJRU5ErkJggg==");
const std::string jpeg = from_base64(
    "/9j/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////2wBDAVVaWnhpeOuC"
    "guv/////////////////////////////////////////////////////////////////////////wgARCAAVACUDASIAAhEBAxEB/8QAFQABAQAA"
    "AAAAAAAAAAAAAAAAAAP/xAAUAQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIQAxAAAAGAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAADD/2gAIAQEA"
    "AQUCf//EABQRAQAAAAAAAAAAAAAAAAAAACD/2gAIAQMBAT8BX//EABQRAQAAAAAAAAAAAAAAAAAAACD/2gAIAQIBAT8BX//EABQQAQAAAAAAAAAA"
    "AAAAAAAAADD/2gAIAQEABj8Cf//EABQQAQAAAAAAAAAAAAAAAAAAADD/2gAIAQEAAT8hf//aAAwDAQACAAMAAAAQ888888//xAAUEQEAAAAAAAAA"
    "AAAAAAAAAAAg/9oACAEDAQE/EF//xAAUEQEAAAAAAAAAAAAAAAAAAAAg/9oACAECAQE/EF//xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAE/"
    "EH//2Q==");
const std::string gif = from_base64(
    "R0lGODlhJQAVAIAAAEdwTAAAACH/C05FVFNDQVBFMi4wAwEAAAAh+QQFAAAAACwAAAAAJQAVAAACGoyPqcvtD6OctNqLs968+w+G4kiW5ommKloA"
    "ADs=");
const std::string lossy_chunk = from_base64("VlA4ICoAAAAQAwCdASolABUAP3G402I0ryqmJWgCkC4JaQAAKUMRiAAA/u48AAAAAAA=");
const std::string lossless_chunk = from_base64("VlA4TA4AAAAvJAAFAAcQEf0PRET/A0VYSQ==").substr(0, 22);
const std::string canvas_chunk = "VP8X\x0A\0\0\0\x08\0\0\0\x24\0\0\x14\0\0"s;
// A grid of one tile, since HEVC has no such sizes.
const std::string heic = from_base64(
    "AAAAGGZ0eXBoZWljAAAAAG1pZjFoZWljAAABrW1ldGEAAAAAAAAAIWhkbHIAAAAAAAAAAHBpY3QAAAAAAAAAAAAAAAAAAAAADnBpdG0AAAAAAAIA"
    "AAAQaWRhdAAAAAAAJQAVAAAAOGlsb2MBAAAAREAAAgABAAAAAAAAAc0AAQAAAAAAAAAyAAIAAQAAAAAAAAABAAAAAAAAAAgAAAA4aWluZgAAAAAA"
    "AgAAABVpbmZlAgAAAQABAABodmMxAAAAABVpbmZlAgAAAAACAABncmlkAAAAANhpcHJwAAAAtmlwY28AAAB2aHZjQwEDcAAAAAAAAAAAAB7wAPz9"
    "+PgAAA8DIAABABhAAQwB//8DcAAAAwCQAAADAAADAB66AkAhAAEAKkIBAQNwAAADAJAAAAMAAAMAHqAggQWW6q6a5uBAQMCAAAADAIAAAAMAhCIA"
    "AQAGRAHBc8GJAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAUaXNwZQAAAAAAAAAlAAAAFQAAABBwaXhpAAAAAAMICAgAAAAaaXBtYQAAAAAAAAACAAEC"
    "gQIAAgIDhAAAABppcmVmAAAAAAAAAA5kaW1nAAIAAQABAAAAOm1kYXQAAAAuKAGvEyFiY0D1JyL//i9p/8Rmn/MPZYWdyujBW/L6wPZkm8DzqpGe"
    "gIdppzAVeA==");
const std::string avif = from_base64(
    "AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAOptZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAAAA"
    "AAABAAAAImlsb2MAAAAAREAAAQABAAAAAAEOAAEAAAAAAAAAHgAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEAAGF2MDEAAAAAamlwcnAAAABL"
    "aXBjbwAAABNjb2xybmNseAACAAIABoAAAAAMYXYxQ4EADAAAAAAUaXNwZQAAAAAAAAAlAAAAFQAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAA"
    "AAABAAEEgYIDhAAAACZtZGF0EgAKCRgVJKMECAgaEDIPGAAAAEALPTLaRxhtAGF4");

std::string webp(const std::string& chunks) {
    const std::size_t size = chunks.size() + 4;
    std::string file = "RIFF";
    for (int byte = 0; byte < 4; ++byte)
        file += static_cast<char>(size >> (8 * byte) & 0xFF);
    return file + "WEBP" + chunks;
}

struct Sample {
    std::string name;
    std::string file;
};

std::vector<Sample> samples() {
    return {{"png", png},
            {"jpeg", jpeg},
            {"gif", gif},
            {"heic", heic},
            {"avif", avif},
            {"webp lossy", webp(lossy_chunk)},
            {"webp lossless", webp(lossless_chunk)},
            {"webp extended", webp(canvas_chunk + lossy_chunk + "EXIF\x02\0\0\0II"s)}};
}

// From a heap block of exactly this size, so that a sanitizer sees a read behind it.
std::optional<ImageDimensions> read(std::string_view file) {
    const auto exact = std::make_unique<char[]>(file.size());
    std::copy(file.begin(), file.end(), exact.get());
    return read_image_dimensions({exact.get(), file.size()});
}

TEST(ImageDimensions, OfWholeFiles) {
    for (const Sample& sample : samples()) {
        const auto size = read(sample.file);
        ASSERT_TRUE(size.has_value()) << sample.name;
        EXPECT_EQ(size->width, 37U) << sample.name;
        EXPECT_EQ(size->height, 21U) << sample.name;
        EXPECT_TRUE(size->whole) << sample.name;
        const auto padded = read(sample.file + std::string(100, '\0'));
        EXPECT_TRUE(padded && padded->whole) << sample.name;
    }
}

TEST(ImageDimensions, NoBeginningOfAFileIsWhole) {
    for (const Sample& sample : samples()) {
        for (std::size_t length = 0; length < sample.file.size(); ++length) {
            const auto size = read(std::string_view(sample.file).substr(0, length));
            if (!size) continue;
            EXPECT_EQ(size->width, 37U) << sample.name << " " << length;
            EXPECT_FALSE(size->whole) << sample.name << " " << length;
        }
    }
}

TEST(ImageDimensions, NoByteBreaksTheReader) {
    for (const Sample& sample : samples()) {
        for (std::size_t at = 0; at < sample.file.size(); ++at) {
            for (const char byte : {'\0', '\x01', '\x7F', '\x80', '\xFF'}) {
                std::string file = sample.file;
                file[at] = byte;
                const auto size = read(file);
                EXPECT_TRUE(!size || (size->width > 0 && size->height > 0)) << sample.name << " " << at;
            }
        }
    }
}

TEST(ImageDimensions, ASizeOfNothingIsNone) {
    std::string flat_png = png;
    flat_png.replace(16, 4, 4, '\0');
    EXPECT_FALSE(read(flat_png));
    std::string flat_gif = gif;
    flat_gif.replace(8, 2, 2, '\0');
    EXPECT_FALSE(read(flat_gif));
    EXPECT_FALSE(read("\xFF\xD8\xFF\xD9"));
    EXPECT_FALSE(read(webp("")));
}

TEST(ImageDimensions, AJpegMarkerWithinASegmentIsNoEnd) {
    // A thumbnail in APP1 has a size and an end of its own.
    const std::string thumbnail = "\xFF\xC0\x00\x0B\x08\x00\x01\x00\x01\x01\x01\x11\x00\xFF\xD9"s;
    const std::string segment = "\xFF\xE1\x00\x11"s + thumbnail;
    const auto size = read(jpeg.substr(0, 2) + segment + jpeg.substr(2));
    ASSERT_TRUE(size);
    EXPECT_EQ(size->width, 37U);
    EXPECT_TRUE(size->whole);
    const auto cut = read(jpeg.substr(0, 2) + segment + jpeg.substr(2, jpeg.size() - 4));
    EXPECT_TRUE(cut && !cut->whole);
}

TEST(ImageDimensions, APngWithoutDataIsNotWhole) {
    const std::size_t data = png.find("IDAT") - 4;
    const std::size_t end = png.find("IEND") - 4;
    const auto size = read(png.substr(0, data) + png.substr(end));
    EXPECT_TRUE(size && !size->whole);
}

std::pair<std::uint32_t, std::uint32_t> size_of(const heif_samples::Photo& photo) {
    const auto size = read(heif_samples::file(photo));
    EXPECT_TRUE(size && size->whole);
    return size ? std::pair(size->width, size->height) : std::pair(0U, 0U);
}

TEST(ImageDimensions, OfHeicAreThoseOfTheGridCroppedAndTurned) {
    const heif_samples::Photo grid{.columns = 3, .rows = 2, .width = 190, .height = 120};
    EXPECT_EQ(size_of({}), std::pair(64U, 64U));
    EXPECT_EQ(size_of(grid), std::pair(190U, 120U));
    heif_samples::Photo turned = grid;
    turned.quarter_turns = 3;
    turned.exif_orientation = 6;
    EXPECT_EQ(size_of(turned), std::pair(120U, 190U));
    turned.quarter_turns = 2;
    EXPECT_EQ(size_of(turned), std::pair(190U, 120U));
    turned.quarter_turns = 1;
    turned.cropped_width = 150;
    turned.cropped_height = 90;
    EXPECT_EQ(size_of(turned), std::pair(90U, 150U));
}

TEST(ImageDimensions, HeicWithoutItsPartsIsNotRead) {
    const std::string whole = heif_samples::file({.columns = 2, .rows = 2, .width = 128, .height = 128});
    for (const std::string part : {"meta", "pitm", "iprp", "ipco", "ipma", "ispe"}) {
        std::string file = whole;
        for (std::size_t at; (at = file.find(part)) != std::string::npos;)
            file.replace(at, 4, "free");
        EXPECT_FALSE(read(file)) << part;
    }
    std::string file = whole;
    file.replace(file.find("iloc"), 4, "free");
    const auto size = read(file);
    EXPECT_TRUE(size && !size->whole);
}

// Each of 65,535 extents of each item has no bytes to read: nothing may be counted in them.
TEST(ImageDimensions, ExtentsOfNothingTakeNoTime) {
    std::string file = heif_samples::file({.columns = 200, .rows = 200, .width = 12800, .height = 12800});
    const std::size_t at = file.find("iloc");
    file.replace(at + 8, 2, 2, '\0');
    std::fill(file.begin() + static_cast<std::ptrdiff_t>(at) + 12, file.end(), '\xFF');
    const auto begun = std::chrono::steady_clock::now();
    const auto size = read(file);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
    EXPECT_TRUE(size && !size->whole);
}

TEST(ImageDimensions, OtherKindsAreNotRead) {
    EXPECT_FALSE(read(""));
    EXPECT_FALSE(read("<svg width=\"37\" height=\"21\"/>"));
    EXPECT_FALSE(read("\0\0\0\x1C"s + "ftypavif\0\0\0\0avifmif1miaf"s));
}

}  // namespace
}  // namespace atelier::core
