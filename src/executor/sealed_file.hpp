#pragma once

#include <initializer_list>
#include <string_view>

#include "storage/unique_fd.hpp"

namespace atelier::executor {

// A file in memory with these bytes, one piece after the other, that nobody can change any more; its offset is 0. Empty
// on failure, with errno.
storage::UniqueFd sealed_file(std::initializer_list<std::string_view> pieces);

}  // namespace atelier::executor
