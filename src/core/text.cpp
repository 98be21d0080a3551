#include "core/text.hpp"

#include <cstring>

namespace atelier::core {
namespace {

struct LeadByte {
    std::size_t length;           // of the whole character, 0 = cannot start one
    unsigned char lowest_second;  // the range of the second byte rules out overlong forms, surrogates and > U+10FFFF
    unsigned char highest_second;
};

LeadByte classify(unsigned char byte) noexcept {
    if (byte < 0x80) return {1, 0, 0};
    if (byte < 0xC2) return {0, 0, 0};
    if (byte < 0xE0) return {2, 0x80, 0xBF};
    if (byte == 0xE0) return {3, 0xA0, 0xBF};
    if (byte == 0xED) return {3, 0x80, 0x9F};
    if (byte < 0xF0) return {3, 0x80, 0xBF};
    if (byte == 0xF0) return {4, 0x90, 0xBF};
    if (byte < 0xF4) return {4, 0x80, 0xBF};
    if (byte == 0xF4) return {4, 0x80, 0x8F};
    return {0, 0, 0};
}

// Bytes of the valid character that starts at `at`; 0 when there is none.
std::size_t character_length(std::string_view text, std::size_t at) noexcept {
    const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const LeadByte lead = classify(byte_at(at));
    if (lead.length <= 1) return lead.length;
    if (text.size() - at < lead.length) return 0;
    if (byte_at(at + 1) < lead.lowest_second || byte_at(at + 1) > lead.highest_second) return 0;
    for (std::size_t i = at + 2; i < at + lead.length; ++i) {
        if ((byte_at(i) & 0xC0) != 0x80) return 0;
    }
    return lead.length;
}

bool is_control(char character) noexcept {
    const auto byte = static_cast<unsigned char>(character);
    return byte < 0x20 || byte == 0x7F;
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_length(text, at);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

bool is_storable_text(std::string_view text) noexcept {
    return text.find('\0') == std::string_view::npos && is_valid_utf8(text);
}

std::string to_storable_text(std::string_view text, std::size_t max_bytes) {
    constexpr std::string_view replacement = "\xEF\xBF\xBD";
    std::string clean;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_length(text, at);
        std::string_view character = length == 0 ? replacement : text.substr(at, length);
        if (length == 1 && is_control(text[at])) character = " ";
        if (clean.size() + character.size() > max_bytes) break;
        clean.append(character);
        at += length == 0 ? 1 : length;
    }
    return clean;
}

void wipe(std::string& text) noexcept {
    explicit_bzero(text.data(), text.size());
    text.clear();
}

}  // namespace atelier::core
