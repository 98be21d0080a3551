#pragma once

#include <string_view>

namespace atelier::core {

// "<version>-<first 12 hex digits of a sha256 over the sources under src/>", for example "0.1.0-1f2e3d4c5b6a".
// Module and executor of one build say the same; a worker leases nothing to an executor that says another.
std::string_view build_id() noexcept;

}  // namespace atelier::core
