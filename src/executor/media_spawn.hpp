#pragma once
// Starting the media child: a program that parses foreign bytes, so it gets nothing but what it needs.

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/result.hpp"

namespace atelier::executor {

// The address space of a media child is not limited in a build with the address sanitizer, which maps terabytes.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool limit_address_space = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool limit_address_space = false;
#else
inline constexpr bool limit_address_space = true;
#endif
#else
inline constexpr bool limit_address_space = true;
#endif

struct MediaLaunch {
    std::string program;      // absolute path
    std::string mode;         // "compose", "inspect" or "measure": the one argument
    int order = -1;           // becomes 0
    int report = -1;          // becomes 1; 2 is /dev/null
    int output = -1;          // becomes 3; -1 = there is none and 3 is closed
    std::vector<int> inputs;  // become 4, 5, ..; at most 16
};

// Forks and executes. The child has these descriptors and no other, an empty environment, default signals, a session of
// its own, limits (2 GiB of address space, 30 s of processor time, 64 MiB per file, no core, 64 descriptors), gains no
// privileges, goes first when memory is short, and dies with the executor. A program that cannot be executed ends with
// cannot_execute_status. `overloaded` when the kernel gives no process.
core::Result<pid_t> spawn_media(const MediaLaunch& launch);

}  // namespace atelier::executor
