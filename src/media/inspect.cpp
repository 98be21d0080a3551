#include "media/inspect.hpp"

#include <glib.h>

#include <memory>

#include "media/report.hpp"

namespace atelier::media {

std::string sha256_hex(std::string_view bytes) {
    const std::unique_ptr<char, void (*)(void*)> hex(
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, reinterpret_cast<const unsigned char*>(bytes.data()),
                                    bytes.size()),
        g_free);
    return hex.get();
}

core::Json inspect(std::string_view bytes, const Limits& limits) {
    const auto header = read_header(bytes, limits);
    if (!header) return failure_report(header.error());
    const auto pixels = check_pixels(bytes);
    if (!pixels) return failure_report(pixels.error());
    return success_report({std::string(header->mime), header->width, header->height, bytes.size(), sha256_hex(bytes),
                           core::Json::object()});
}

}  // namespace atelier::media
