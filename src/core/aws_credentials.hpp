#pragma once
// Credentials of S3 and what may stand in them; the file format that AWS's tools share. Words only: no file is opened.

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace atelier::core {

struct AwsCredentials {
    std::string access_key_id;
    std::string secret_access_key;
    std::string session_token;  // empty: none
};

// 1 to 128 visible ASCII characters without "/", "," and "=", which would end it where it is sent.
bool is_access_key_id(std::string_view text) noexcept;

// 1 to 4096 visible ASCII characters: a secret access key or a session token.
bool is_aws_secret(std::string_view text) noexcept;

// The most that a file of credentials is read of: a longer one is something else.
inline constexpr std::size_t max_aws_credentials_bytes = std::size_t{64} * 1024;

// The section [default] of a file such as ~/.aws/credentials: aws_access_key_id, aws_secret_access_key and, if it is
// there, aws_session_token; what stands in it besides is passed over. Of two lines with the same name the later counts.
// Class auth when something is missing or malformed; the message quotes no value.
Result<AwsCredentials> parse_aws_credentials(std::string_view text);

// Overwrites the secrets before their memory is given back.
void wipe(AwsCredentials& credentials) noexcept;

}  // namespace atelier::core
