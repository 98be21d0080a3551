#pragma once
// Picture files to pixels and back, through libvips. Every function here may be given hostile bytes.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "media/raster.hpp"

namespace atelier::media {

struct Limits {
    std::uint64_t max_bytes = 40ULL * 1024 * 1024;
    std::uint64_t max_pixels = 50'000'000;
};

struct Header {
    std::string_view mime;
    int width = 0;  // as shown, after Exif orientation
    int height = 0;
};

struct Photo {
    Picture color;  // linear
    Mask alpha;     // empty when the file has none
};

// All errors are of class invalid_request and say in plain words what is wrong with the file.

// Looks at the magic bytes and the header; no pixel is decoded. The limits are checked here, and that the longer side
// is at most 100 times the shorter.
core::Result<Header> read_header(std::string_view bytes, const Limits& limits);

// Decodes every row, so that a file that was cut short is found. Call after read_header.
core::Result<void> check_pixels(std::string_view bytes);

// First frame, upright, in sRGB, not larger than `long_side` pixels on its longer side. Call after read_header.
core::Result<Photo> read_photo(std::string_view bytes, int long_side);

// A baseline JPEG without metadata, quality 90. `pixels` are sRGB bytes, three per pixel.
std::string write_jpeg(std::span<const unsigned char> pixels, int width, int height);

// Starts libvips for this process: one thread, no cache, only the loaders of the accepted types. False when it fails.
bool start_codecs(const char* program);

// Decodes one tiny picture of each type, so that whatever the libraries load or open, they have by now.
void warm_up_codecs();

}  // namespace atelier::media
