#include "core/store_key.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace atelier::core {
namespace {

Error refuse(std::string_view reason) {
    return {ErrorClass::invalid_request, "the object key " + std::string(reason)};
}

bool is_forbidden_character(char character) {
    const auto byte = static_cast<unsigned char>(character);
    return byte < 0x20 || byte == 0x7F;
}

Result<void> check_part(std::string_view part, std::size_t max_bytes) {
    if (part.empty()) return refuse("has an empty part");
    if (part == "." || part == "..") return refuse("has a part \".\" or \"..\"");
    if (part.size() > max_bytes) return refuse("has a part longer than 255 bytes");
    return {};
}

Result<void> check_key(std::string_view key, std::size_t max_part_bytes) {
    if (key.empty()) return refuse("is empty");
    if (key.size() > max_store_key_bytes) return refuse("is longer than 1024 bytes");
    if (key.front() == '/') return refuse("starts with \"/\", it must be relative");
    if (!is_valid_utf8(key)) return refuse("is not valid UTF-8");
    if (std::any_of(key.begin(), key.end(), is_forbidden_character)) return refuse("has a control character");
    for (std::size_t start = 0; start <= key.size();) {
        const std::size_t end = std::min(key.find('/', start), key.size());
        if (auto part = check_part(key.substr(start, end - start), max_part_bytes); !part) return part;
        start = end + 1;
    }
    return {};
}

}  // namespace

Result<void> check_object_key(std::string_view key) {
    return check_key(key, max_store_key_bytes);
}

Result<void> check_store_key(std::string_view key) {
    if (key.find('\\') != std::string_view::npos) return refuse("has a backslash");
    return check_key(key, max_store_key_part_bytes);
}

}  // namespace atelier::core
