#pragma once
// HMAC (RFC 2104) with SHA-256, through OpenSSL.

#include <string>
#include <string_view>

namespace atelier::core {

// 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

}  // namespace atelier::core
