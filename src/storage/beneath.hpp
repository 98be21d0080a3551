#pragma once
// Opening beneath a directory, and nowhere else.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::storage {

// openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS and O_CLOEXEC. Empty on failure, with
// errno.
UniqueFd open_beneath(int directory, const std::string& path, std::uint64_t flags);

// Opens the directory `path` beneath `root` for reading and fsync; "" is `root` itself. Empty on failure, with errno.
UniqueFd open_directory(int root, const std::string& path);

// The same, and makes those that are missing (mode 0750), each durable in its parent.
UniqueFd make_directories(int root, const std::string& path);

struct SplitKey {
    std::string parent;  // "" = the root
    std::string name;
};
SplitKey split_key(std::string_view key);

// Why something with this key could not be opened or changed, from errno, with the class of file_store.hpp.
core::Error object_error(const std::string& key, int error_number);

}  // namespace atelier::storage
