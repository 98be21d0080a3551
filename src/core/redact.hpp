#pragma once

#include <string>
#include <string_view>

namespace atelier::core {

// `text` without the secret: each occurrence, and each beginning of it of eight bytes or more (a message may have been
// cut in the middle of it), becomes "[redacted]". What a provider masked by itself ("sk-a***xyz") stays. An empty
// secret changes nothing.
std::string redact(std::string_view text, std::string_view secret);

}  // namespace atelier::core
