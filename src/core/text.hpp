#pragma once
// Rules for text that may reach a row of PostgreSQL: valid UTF-8 as RFC 3629 has it (no overlong form, no surrogate,
// nothing above U+10FFFF) and no U+0000, which text and jsonb cannot hold.

#include <cstddef>
#include <string>
#include <string_view>

namespace atelier::core {

bool is_valid_utf8(std::string_view text) noexcept;

// Valid UTF-8 without U+0000.
bool is_storable_text(std::string_view text) noexcept;

// `text` made storable and at most `max_bytes` long: what is not UTF-8 becomes U+FFFD, control characters become
// spaces, the end is cut between characters. For messages that quote foreign bytes.
std::string to_storable_text(std::string_view text, std::size_t max_bytes);

// Overwrites a secret before its memory is given back; `text` is empty then.
void wipe(std::string& text) noexcept;

}  // namespace atelier::core
