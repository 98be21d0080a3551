#pragma once

#include <cstddef>
#include <string_view>

#include "core/result.hpp"

namespace atelier::core {

inline constexpr std::size_t max_store_key_bytes = 1024;
inline constexpr std::size_t max_store_key_part_bytes = 255;

// Whether a text may name an object: valid UTF-8, 1 to 1024 bytes, parts separated by '/', none of them empty, "." or
// "..", no leading or trailing '/', no control character. Otherwise an error of class invalid_request that says which
// rule is broken.
Result<void> check_object_key(std::string_view key);

// The same in the store `file`, where parts are names of files: at most 255 bytes each, and no backslash.
Result<void> check_store_key(std::string_view key);

}  // namespace atelier::core
