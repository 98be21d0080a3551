#pragma once
// The directory of the spool and the names in it:
//   <id>-<number>.spool    a segment; under flock as long as the executor that wrote it lives
//   <id>-<number>.tmp      a segment in the making
//   <id>-<number>.damaged  a segment that was read as far as that is possible; kept for the DBA
// <id>: 16 hexadecimal digits, drawn by each executor; <number>: 1, 2, ... in the order in which they were begun.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::executor {

// 64 random bits; nullopt with errno.
std::optional<std::uint64_t> draw_random();

// Opens the directory, makes it when only its last part is missing, and sets its mode to 0700. storage_failed: it
// cannot be opened or made, is a symbolic link, or belongs to somebody else.
core::Result<storage::UniqueFd> open_spool_directory(const std::string& path);

enum class SpoolFile { segment, temporary, damaged };

struct SpoolName {
    std::string id;
    std::uint64_t number = 0;
    SpoolFile kind = SpoolFile::segment;
};

std::string to_string(const SpoolName& name);

// nullopt for names that are not of the spool.
std::optional<SpoolName> parse_spool_name(std::string_view name);

}  // namespace atelier::executor
