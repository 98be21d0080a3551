#pragma once
// Pictures made on the spot for the tests of the media child, and files that are none.

#include <cmath>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>
#include <vips/vips8>

#include "media/codec.hpp"
#include "media/color.hpp"
#include "media/noise.hpp"
#include "media/raster.hpp"

namespace atelier::media::samples {

// Starts libvips for this test program, once.
inline void start() {
    static const bool started = start_codecs("media tests");
    if (!started) throw std::runtime_error("libvips does not start");
}

using Paint = std::function<Rgb(int x, int y)>;  // sRGB encoded, 0..1

inline Picture painted(int width, int height, const Paint& paint) {  // linear
    Picture picture(width, height);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const Rgb c = paint(x, y);
            picture(x, y) = {to_linear(c.r), to_linear(c.g), to_linear(c.b)};
        }
    }
    return picture;
}

inline unsigned char byte_of(float value) {
    return static_cast<unsigned char>(std::lround(clamp01(value) * 255));
}

// A file; `suffix` with options as libvips has them: ".png", ".jpg[Q=90]". `cover` adds an alpha channel,
// `orientation` an Exif one.
inline std::string file(int width, int height, const Paint& paint, const std::string& suffix,
                        const std::function<float(int, int)>& cover = nullptr, int orientation = 0) {
    start();
    const int bands = cover ? 4 : 3;
    std::vector<unsigned char> pixels;
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const Rgb c = paint(x, y);
            pixels.insert(pixels.end(), {byte_of(c.r), byte_of(c.g), byte_of(c.b)});
            if (cover) pixels.push_back(byte_of(cover(x, y)));
        }
    }
    vips::VImage image =
        vips::VImage::new_from_memory(pixels.data(), pixels.size(), width, height, bands, VIPS_FORMAT_UCHAR)
            .copy(vips::VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
    if (orientation != 0) image.set("orientation", orientation);
    void* buffer = nullptr;
    std::size_t size = 0;
    image.write_to_buffer(suffix.c_str(), &buffer, &size);
    std::string bytes(static_cast<const char*>(buffer), size);
    g_free(buffer);
    return bytes;
}

// A dark disc of radius 90 in the middle of a nearly white ground: the plainest product photo. For 400 x 300.
inline Rgb disc_on_plain(int x, int y) {
    const float off = std::hypot(static_cast<float>(x) - 200, static_cast<float>(y) - 150);
    const Rgb plain = Rgb{0.95F, 0.95F, 0.94F} * (1 - 0.0001F * static_cast<float>(y));
    return mix(Rgb{0.30F, 0.12F, 0.10F}, plain, smoothstep(89, 91, off));
}
inline std::string product_file() {
    return file(400, 300, disc_on_plain, ".png");
}

// Different everywhere: no background to take away.
inline Rgb busy(int x, int y) {
    return {chance(1, x / 9, y / 9), chance(2, x / 9, y / 9), chance(3, x / 9, y / 9)};
}
inline std::string busy_file() {
    return file(400, 300, busy, ".png");
}

inline std::string big_endian(std::uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
            static_cast<char>(value)};
}

inline std::uint32_t crc32(const std::string& bytes) {
    std::uint32_t crc = 0xffffffffU;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    }
    return ~crc;
}

inline std::string png_chunk(const std::string& type, const std::string& data) {
    return big_endian(static_cast<std::uint32_t>(data.size())) + type + data + big_endian(crc32(type + data));
}

// A PNG whose header claims this size, and nothing behind it that would fill it.
inline std::string png_header(std::uint32_t width, std::uint32_t height) {
    const std::string format{"\x08\x02\x00\x00\x00", 5};
    return std::string("\x89PNG\r\n\x1a\n", 8) + png_chunk("IHDR", big_endian(width) + big_endian(height) + format) +
           png_chunk("IDAT", std::string("\x78\x9c", 2)) + png_chunk("IEND", "");
}

}  // namespace atelier::media::samples
