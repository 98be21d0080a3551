#pragma once
// What a server that is called with a key has in common with others of its kind: its times and where its key is.

#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::executor {

struct ApiAccess {
    core::Milliseconds connect_timeout{0};
    core::Milliseconds progress_timeout{0};
    std::string api_key;       // one of the three is set
    std::string api_key_file;  // absolute
    std::string key_error;     // why there is no key
};

// Of an entry of a `providers` frame: "connect_timeout_ms", "progress_timeout_ms" (1 ms to 1 day), and "api_key" |
// "api_key_file" | "key_error". nullopt when one is missing.
std::optional<ApiAccess> parse_api_access(const core::Json& entry);

// The key to be used now; a file is read anew each time, so that a changed one counts at once. Class auth otherwise.
core::Result<std::string> read_key(const ApiAccess& access);

}  // namespace atelier::executor
