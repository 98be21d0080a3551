#include "core/clock.hpp"

namespace atelier::core {

Instant now() noexcept {
    return std::chrono::steady_clock::now();
}

Milliseconds elapsed(Instant start, Instant end) noexcept {
    if (end < start) return Milliseconds{0};
    return std::chrono::duration_cast<Milliseconds>(end - start);
}

}  // namespace atelier::core
