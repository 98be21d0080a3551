#include "core/hmac.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <new>

namespace atelier::core {

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
    std::string code(32, '\0');
    // A key of no bytes must still be somewhere.
    const char* const key_bytes = key.empty() ? "" : key.data();
    // It fails for want of memory only.
    if (HMAC(EVP_sha256(), key_bytes, static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
             reinterpret_cast<unsigned char*>(code.data()), nullptr) == nullptr) {
        throw std::bad_alloc();
    }
    return code;
}

}  // namespace atelier::core
