#pragma once
// The first frame each way.

#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace atelier::executor {

// What the worker tells its executor: {"build","store_directory","media_children","media_program","shutdown_wait_ms"};
// other members are left to later builds.
struct Settings {
    std::string build;
    std::string store_directory;          // absolute
    std::string media_program;            // absolute
    unsigned media_children = 0;          // 1 to 64, at once
    core::Milliseconds shutdown_wait{0};  // 0 to 1 h: how long a drain waits for what is running
};

// Error of class invalid_request that names the member.
core::Result<Settings> parse_hello(std::string_view payload);

// {"build":..,"pid":..}: what the executor says.
std::string write_hello(std::string_view build, long pid);

}  // namespace atelier::executor
