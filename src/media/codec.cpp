#include "media/codec.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vips/vips8>

#include "core/image_kind.hpp"
#include "media/color.hpp"
#include "media/tiny_heic.hpp"

namespace atelier::media {
namespace {

using vips::VImage;

// No photo of a product is such a strip, and shrunk to fit it has no pixel left across.
constexpr std::int64_t max_side_ratio = 100;

core::Error refusal(std::string message) {
    return {core::ErrorClass::invalid_request, std::move(message)};
}

core::Error damaged() {
    vips_error_clear();
    return refusal("the file is cut short or damaged");
}

VImage opened(std::string_view bytes) {
    return VImage::new_from_buffer(
        bytes.data(), bytes.size(), "",
        VImage::option()->set("access", VIPS_ACCESS_SEQUENTIAL)->set("fail_on", VIPS_FAIL_ON_ERROR));
}

// Exif orientations 5 to 8 lie on their side.
bool lies_on_side(const VImage& image) {
    if (image.get_typeof("orientation") != G_TYPE_INT) return false;
    const int orientation = image.get_int("orientation");
    return orientation >= 5 && orientation <= 8;
}

std::array<float, 256> linear_table() {
    std::array<float, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i)
        table[i] = to_linear(static_cast<float>(i) / 255);
    return table;
}

Photo photo_of(const VImage& image) {
    static const std::array<float, 256> linear = linear_table();
    const auto bands = static_cast<std::size_t>(image.bands());
    Photo photo{Picture(image.width(), image.height()), {}};
    if (bands == 4) photo.alpha = Mask(image.width(), image.height());
    const auto* pixel = static_cast<const unsigned char*>(image.data());
    for (std::size_t i = 0; i < photo.color.size(); ++i, pixel += bands) {
        photo.color.cells()[i] = {linear[pixel[0]], linear[pixel[1]], linear[pixel[2]]};
        if (bands == 4) photo.alpha.cells()[i] = static_cast<float>(pixel[3]) / 255;
    }
    return photo;
}

// Whatever the file held: 8 bits, sRGB, three bands or four.
VImage as_srgb(VImage image) {
    if (image.interpretation() != VIPS_INTERPRETATION_sRGB) image = image.colourspace(VIPS_INTERPRETATION_sRGB);
    if (image.format() != VIPS_FORMAT_UCHAR) image = image.cast(VIPS_FORMAT_UCHAR);
    if (image.bands() > 4) image = image.extract_band(0, VImage::option()->set("n", 4));
    if (image.bands() < 3) throw vips::VError("not a colour image");
    return image.copy_memory();
}

std::string encoded(const VImage& image, const char* suffix) {
    void* buffer = nullptr;
    std::size_t size = 0;
    image.write_to_buffer(suffix, &buffer, &size);
    std::string bytes(static_cast<const char*>(buffer), size);
    g_free(buffer);
    return bytes;
}

}  // namespace

core::Result<Header> read_header(std::string_view bytes, const Limits& limits) {
    if (bytes.empty()) return refusal("the file is empty");
    if (bytes.size() > limits.max_bytes) {
        return refusal("the file has " + std::to_string(bytes.size()) + " bytes, more than the " +
                       std::to_string(limits.max_bytes) + " allowed");
    }
    const auto kind = core::sniff_image_kind(bytes.substr(0, core::image_magic_bytes));
    if (!kind) return refusal(std::string("the file ") + core::not_a_picture);
    try {
        const VImage image = opened(bytes);
        const auto pixels = static_cast<std::uint64_t>(image.width()) * static_cast<std::uint64_t>(image.height());
        if (pixels > limits.max_pixels) {
            return refusal(std::to_string(image.width()) + " x " + std::to_string(image.height()) +
                           " pixels are more than the " + std::to_string(limits.max_pixels) + " allowed");
        }
        const auto [shorter, longer] = std::minmax<std::int64_t>({image.width(), image.height()});
        if (longer > max_side_ratio * shorter) {
            return refusal(std::to_string(image.width()) + " x " + std::to_string(image.height()) +
                           " pixels: the longer side is more than " + std::to_string(max_side_ratio) +
                           " times the shorter");
        }
        Header header{kind->mime, image.width(), image.height()};
        if (lies_on_side(image)) std::swap(header.width, header.height);
        return header;
    } catch (const vips::VError&) {
        return damaged();
    }
}

core::Result<void> check_pixels(std::string_view bytes) {
    try {
        opened(bytes).avg();
        return {};
    } catch (const vips::VError&) {
        return damaged();
    }
}

core::Result<Photo> read_photo(std::string_view bytes, int long_side) {
    // The buffer variant of thumbnail drops fail_on in libvips 8.14.1; through the loader's options it arrives.
    VipsBlob* blob = vips_blob_new(nullptr, bytes.data(), bytes.size());
    try {
        auto* options = VImage::option()
                            ->set("height", long_side)
                            ->set("size", VIPS_SIZE_DOWN)
                            ->set("option_string", "[fail_on=error]");
        // Given for a file without a profile, it would turn #123456 into #222855.
        if (opened(bytes).get_typeof(VIPS_META_ICC_NAME) != 0) options->set("export_profile", "srgb");
        Photo photo = photo_of(as_srgb(VImage::thumbnail_buffer(blob, long_side, options)));
        vips_area_unref(VIPS_AREA(blob));
        return photo;
    } catch (const vips::VError&) {
        vips_area_unref(VIPS_AREA(blob));
        return damaged();
    }
}

std::string write_jpeg(std::span<const unsigned char> pixels, int width, int height) {
    const VImage image = VImage::new_from_memory(const_cast<unsigned char*>(pixels.data()), pixels.size(), width,
                                                 height, 3, VIPS_FORMAT_UCHAR)
                             .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
    void* buffer = nullptr;
    std::size_t size = 0;
    image.write_to_buffer(".jpg", &buffer, &size,
                          VImage::option()->set("Q", 90)->set("strip", true)->set("optimize_coding", true));
    std::string bytes(static_cast<const char*>(buffer), size);
    g_free(buffer);
    return bytes;
}

bool start_codecs(const char* program) {
    // Vector code is compiled at run time into a file in $HOME or /tmp; there is to be neither.
    setenv("VIPS_NOVECTOR", "1", 1);
    setenv("VIPS_CONCURRENCY", "1", 1);
    // What a decoder grumbles about is found in the report, or is of no interest.
    setenv("VIPS_WARNING", "0", 1);
    if (VIPS_INIT(program) != 0) return false;
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (const char* loader : {"VipsForeignLoadJpeg", "VipsForeignLoadPng", "VipsForeignLoadWebp",
                               "VipsForeignLoadNsgif", "VipsForeignLoadHeif"}) {
        vips_operation_block_set(loader, FALSE);
    }
    return true;
}

void warm_up_codecs() {
    const auto decode = [](std::string_view bytes) {
        if (!read_photo(bytes, 8).ok() || !check_pixels(bytes).ok()) vips_error_clear();
    };
    const VImage tiny = VImage::black(16, 16, VImage::option()->set("bands", 3))
                            .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
    for (const char* suffix : {".jpg", ".png", ".webp", ".gif", ".avif"}) {
        try {
            decode(encoded(tiny, suffix));
        } catch (const vips::VError&) {
            // A libvips without this encoder: the type is then simply met cold.
            vips_error_clear();
        }
    }
    decode({reinterpret_cast<const char*>(tiny_heic.data()), tiny_heic.size()});
}

}  // namespace atelier::media
