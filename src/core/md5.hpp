#pragma once
// MD5 as the header Content-MD5 has it (RFC 1864), which S3 asks for where it wants nothing newer. No protection.

#include <optional>
#include <string>
#include <string_view>

namespace atelier::core {

// The hash in base64, 24 characters. nullopt where OpenSSL refuses MD5, such as in FIPS mode.
std::optional<std::string> content_md5(std::string_view bytes);

}  // namespace atelier::core
