#include "provider/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace atelier::provider {
namespace {

// OpenSSL counts in int: pieces of this size, which end on both sides between two groups (3 bytes, 4 digits).
constexpr std::size_t piece_bytes = std::size_t{3} << 20;
constexpr std::size_t piece_digits = std::size_t{4} << 20;

unsigned char* as_bytes(char* text) noexcept {
    return reinterpret_cast<unsigned char*>(text);
}
const unsigned char* as_bytes(const char* text) noexcept {
    return reinterpret_cast<const unsigned char*>(text);
}

// OpenSSL ignores white space and '-' at both ends of what it decodes.
bool is_outer_digit(char digit) noexcept {
    return (digit >= 'A' && digit <= 'Z') || (digit >= 'a' && digit <= 'z') || (digit >= '0' && digit <= '9') ||
           digit == '+' || digit == '/';
}

// Appends the bytes of whole groups without padding.
bool append_decoded(std::string& bytes, std::string_view digits) {
    for (std::size_t from = 0; from < digits.size(); from += piece_digits) {
        const std::string_view piece = digits.substr(from, piece_digits);
        if (!is_outer_digit(piece.front()) || !is_outer_digit(piece.back())) return false;
        const std::size_t size = bytes.size();
        bytes.resize(size + piece.size() / 4 * 3);
        if (EVP_DecodeBlock(as_bytes(bytes.data() + size), as_bytes(piece.data()), static_cast<int>(piece.size())) < 0)
            return false;
    }
    return true;
}

}  // namespace

void append_base64(std::string& text, std::string_view bytes) {
    text.reserve(text.size() + (bytes.size() + 2) / 3 * 4 + 1);
    for (std::size_t from = 0; from < bytes.size(); from += piece_bytes) {
        const std::string_view piece = bytes.substr(from, piece_bytes);
        const std::size_t size = text.size();
        const std::size_t digits = (piece.size() + 2) / 3 * 4;
        text.resize(size + digits + 1);  // it ends with a zero byte
        EVP_EncodeBlock(as_bytes(text.data() + size), as_bytes(piece.data()), static_cast<int>(piece.size()));
        text.resize(size + digits);
    }
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes;
    if (text.empty()) return bytes;
    // To OpenSSL '=' is a digit of value 0, wherever it stands: only the last group may have it.
    const std::string_view whole = text.substr(0, text.size() - 4);
    const std::string_view last = text.substr(text.size() - 4);
    if (whole.find('=') != std::string_view::npos) return std::nullopt;
    bytes.reserve(text.size() / 4 * 3);
    if (!append_decoded(bytes, whole)) return std::nullopt;

    const std::size_t padding = last.ends_with("==") ? 2 : last.ends_with('=') ? 1 : 0;
    std::string digits(last);
    std::fill(digits.end() - static_cast<std::ptrdiff_t>(padding), digits.end(), 'A');
    std::string tail;
    if (!append_decoded(tail, digits)) return std::nullopt;
    tail.resize(3 - padding);
    std::string again;
    append_base64(again, tail);
    if (again != last) return std::nullopt;
    return bytes.append(tail);
}

}  // namespace atelier::provider
