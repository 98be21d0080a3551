#pragma once

#include <cstdint>

#include "core/result.hpp"
#include "executor/outcome.hpp"

namespace atelier::executor {

// Size, hash and first bytes of an open file, read with pread from its start. `size` as fstat gave it; a file that is
// shorter by now, or cannot be read, is storage_failed.
core::Result<FileFacts> read_file_facts(int fd, std::uint64_t size);

// The first core::image_magic_bytes bytes, fewer of a shorter file.
core::Result<std::string> read_file_head(int fd);

// `size` bytes from `offset` on. storage_failed when there are fewer, or they cannot be read.
core::Result<std::string> read_file(int fd, std::uint64_t offset, std::uint64_t size);

// The size of an open file as fstat gives it.
core::Result<std::uint64_t> file_size(int fd);

}  // namespace atelier::executor
