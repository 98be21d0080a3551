#pragma once
// The first frame each way.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace atelier::executor {

// What the worker tells its executor:
// {"build","store_directory","spool_directory","spool_limit_bytes","media_children",
// "media_program","shutdown_wait_ms","drain_timeout_ms"}; other members are left to later builds.
struct Settings {
    std::string build;
    std::string store_directory;          // absolute
    std::string spool_directory;          // absolute
    std::string media_program;            // absolute
    unsigned media_children = 0;          // 1 to 64, at once
    std::uint64_t spool_limit = 0;        // bytes, at least 1 MiB
    core::Milliseconds shutdown_wait{0};  // 0 to 1 h: how long a drain waits for media children
    core::Milliseconds drain_timeout{0};  // 0 to 1 h: how long a drain, or an orphan, waits for paid calls
};

// Error of class invalid_request that names the member.
core::Result<Settings> parse_hello(std::string_view payload);

// {"build":..,"pid":..}: what the executor says.
std::string write_hello(std::string_view build, long pid);

}  // namespace atelier::executor
