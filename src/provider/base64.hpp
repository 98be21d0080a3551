#pragma once
// RFC 4648 section 4: the standard alphabet, with padding, without line breaks. Every documented provider pads.

#include <optional>
#include <string>
#include <string_view>

namespace atelier::provider {

// Appends to `text`, without a copy in between.
void append_base64(std::string& text, std::string_view bytes);

// nullopt for anything that append_base64() would not have written: another alphabet, white space, missing or misplaced
// padding, bits left over in the last digit.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace atelier::provider
