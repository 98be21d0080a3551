#pragma once

#include <cstddef>
#include <string>

#include "core/result.hpp"

namespace atelier::executor {

// The content of a regular file of at most `max_bytes`, read anew each time, so that a changed secret counts at once.
// Never blocks on what is there. Class auth, and a message that says what is wrong with it, not where it is.
core::Result<std::string> read_secret_file(const std::string& path, std::size_t max_bytes);

}  // namespace atelier::executor
