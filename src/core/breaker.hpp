#pragma once
// Whether a service is well, by what became of the requests to it. It is given up after five failures in a row, or when
// ten of the last twenty failed; then one order tries after 5 s, and after twice as long each time that one fails too,
// up to a minute. A success lets in one more order than before, until all may come that came before.

#include <cstdint>
#include <optional>

#include "core/clock.hpp"

namespace atelier::core {

class Breaker {
  public:
    enum class State : std::uint8_t { closed, broken, trying, opening };

    // Pauses are up to a fifth longer, by `seed`, so that lanes of one service do not try at the same moment.
    explicit Breaker(std::uint32_t seed) noexcept : seed_(seed) {}

    State state() const noexcept { return state_; }
    // broken: when an order may try. It may be past.
    Instant tries_at() const noexcept { return tries_at_; }
    // opening: how many orders may be under way.
    std::int32_t allowed() const noexcept { return allowed_; }
    int failures_in_a_row() const noexcept { return in_a_row_; }
    // Since when the service is known to fail; nullopt: it is not.
    std::optional<Instant> failing_since() const noexcept {
        return state_ == State::closed ? std::nullopt : std::optional(failing_since_);
    }

    // An order begins. It is the one that tries when the state is broken.
    void begun() noexcept;
    // Of orders that began since the state was last broken. `enough`: so many may come that nothing is left to open.
    void succeeded(std::int32_t enough) noexcept;
    // True: it is broken, as of now.
    bool failed(Instant now) noexcept;
    // The order that tried ended and told nothing.
    void try_again() noexcept;
    void close() noexcept;

  private:
    void note(bool failure) noexcept;
    void break_now(Instant now) noexcept;

    std::uint32_t seed_;
    State state_ = State::closed;
    std::uint32_t last_ = 0;  // a bit each, 1: failed, the newest lowest
    int known_ = 0;           // of them
    int in_a_row_ = 0;
    int breaks_ = 0;  // since it was closed
    std::int32_t allowed_ = 0;
    Instant tries_at_{};
    Instant failing_since_{};
    Instant first_failure_{};
};

}  // namespace atelier::core
