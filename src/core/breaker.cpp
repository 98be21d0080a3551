#include "core/breaker.hpp"

#include <algorithm>
#include <bit>

namespace atelier::core {
namespace {

constexpr int most_in_a_row = 5;
constexpr int most_in_a_row_opening = 2;
constexpr int watched = 20;
constexpr Milliseconds shortest_pause{5'000};
constexpr Milliseconds longest_pause{60'000};

// Well spread bits of two numbers (the finaliser of MurmurHash3).
std::uint32_t mix(std::uint32_t a, std::uint32_t b) {
    std::uint32_t bits = a * 0x9E3779B9u + b;
    bits = (bits ^ (bits >> 16)) * 0x85EBCA6Bu;
    bits = (bits ^ (bits >> 13)) * 0xC2B2AE35u;
    return bits ^ (bits >> 16);
}

}  // namespace

void Breaker::begun() noexcept {
    if (state_ == State::broken) state_ = State::trying;
}

void Breaker::note(bool failure) noexcept {
    last_ = (last_ << 1 | (failure ? 1u : 0u)) & ((1u << watched) - 1);
    known_ = std::min(known_ + 1, watched);
    in_a_row_ = failure ? in_a_row_ + 1 : 0;
}

void Breaker::succeeded(std::int32_t enough) noexcept {
    note(false);
    if (state_ == State::trying) {
        state_ = State::opening;
        allowed_ = 1;
    }
    if (state_ != State::opening) return;
    if (++allowed_ > enough) close();
}

bool Breaker::failed(Instant now) noexcept {
    if (in_a_row_ == 0 && state_ == State::closed) first_failure_ = now;
    note(true);
    const bool many = known_ == watched && std::popcount(last_) * 2 >= watched;
    switch (state_) {
        case State::closed:
            if (in_a_row_ < most_in_a_row && !many) return false;
            failing_since_ = first_failure_;
            break;
        case State::opening:
            allowed_ = std::max(1, allowed_ / 2);
            if (in_a_row_ < most_in_a_row_opening) return false;
            break;
        case State::broken:
        case State::trying:
            break;
    }
    break_now(now);
    return true;
}

void Breaker::break_now(Instant now) noexcept {
    auto pause = shortest_pause;
    for (int i = 0; i < breaks_ && pause < longest_pause; ++i)
        pause *= 2;
    pause = std::min(pause, longest_pause);
    ++breaks_;
    pause += pause * (mix(seed_, static_cast<std::uint32_t>(breaks_)) % 1024) / 5120;
    state_ = State::broken;
    tries_at_ = now + pause;
    known_ = in_a_row_ = 0;
    last_ = 0;
}

void Breaker::try_again() noexcept {
    if (state_ == State::trying) state_ = State::broken;
}

void Breaker::close() noexcept {
    state_ = State::closed;
    known_ = in_a_row_ = breaks_ = 0;
    last_ = 0;
}

}  // namespace atelier::core
