#include "core/md5.hpp"

#include <openssl/evp.h>

#include <array>

namespace atelier::core {

std::optional<std::string> content_md5(std::string_view bytes) {
    std::array<unsigned char, 16> digest{};
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr) != 1) return std::nullopt;
    std::array<unsigned char, 25> text{};  // it ends with a zero byte
    const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
    return std::string(text.begin(), text.begin() + length);
}

}  // namespace atelier::core
