#pragma once
// When entries of the queue became runnable, by their sequence: sequences grow with time, so that a few pairs of both
// tell it within a second or a thousandth of the time that is remembered. No PostgreSQL here.

#include <cstdint>
#include <vector>

#include "core/clock.hpp"

namespace atelier::postgres {

class SequenceTimes {
  public:
    // `sequence` exists at `now`.
    void observe(std::int64_t sequence, core::Instant now);
    // When `sequence` was first known to exist; what is older than all that was observed, as if it were the first.
    core::Instant time_of(std::int64_t sequence) const;

  private:
    struct Sample {
        core::Instant since;
        std::int64_t sequence;  // the highest that existed before the next sample
    };
    static constexpr std::size_t most_samples = 4096;

    std::vector<Sample> samples_;
    core::Milliseconds apart_{1000};
};

}  // namespace atelier::postgres
