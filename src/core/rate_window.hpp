#pragma once
// What was used within a trailing window of time, in bounded memory: what happened within a 128th of the span is one
// entry, and of what is older than the span not much is kept. Errs on the safe side: an entry is used until its last
// moment, and a hundredth of the window more, has left the window, for requests do not arrive as evenly as they begin.

#include <cstdint>
#include <deque>
#include <optional>

#include "core/clock.hpp"

namespace atelier::core {

class RateWindow {
  public:
    // The longest window that is asked for. What was forgotten when it was shorter stays forgotten.
    void set_span(Milliseconds span) noexcept { span_ = span; }

    // `now` never goes back.
    void add(std::uint64_t amount, Instant now);
    // It was not used after all.
    void take_back(std::uint64_t amount);
    // As if `amount` had been used evenly within the window that ends now.
    void assume(std::uint64_t amount, Milliseconds window, Instant now);

    std::uint64_t used(Milliseconds window, Instant now) const;
    // When no more than `most` is used, unless something is added; `now` when it is so already.
    Instant free_at(std::uint64_t most, Milliseconds window, Instant now) const;

    // How long ago the `count`th last was used; nullopt: there were not so many, or it is forgotten.
    std::optional<Milliseconds> age_of(std::uint64_t count, Instant now) const;

  private:
    struct Entry {
        Instant first;
        Instant last;
        std::uint64_t amount;
    };

    Milliseconds span_{60'000};
    std::deque<Entry> entries_;
};

}  // namespace atelier::core
