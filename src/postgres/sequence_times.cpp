#include "postgres/sequence_times.hpp"

#include <algorithm>

namespace atelier::postgres {

void SequenceTimes::observe(std::int64_t sequence, core::Instant now) {
    if (!samples_.empty() && sequence <= samples_.back().sequence) return;
    if (!samples_.empty() && now - samples_.back().since < apart_) {
        samples_.back().sequence = sequence;
        return;
    }
    samples_.push_back({now, sequence});
    if (samples_.size() < most_samples) return;
    // Every second one goes: its entries count as those before.
    std::size_t kept = 0;
    for (std::size_t i = 0; i < samples_.size(); i += 2) {
        const std::size_t last = std::min(i + 1, samples_.size() - 1);
        samples_[kept++] = {samples_[i].since, samples_[last].sequence};
    }
    samples_.resize(kept);
    apart_ *= 2;
}

core::Instant SequenceTimes::time_of(std::int64_t sequence) const {
    if (samples_.empty()) return {};
    const auto sample = std::lower_bound(samples_.begin(), samples_.end(), sequence,
                                         [](const Sample& s, std::int64_t wanted) { return s.sequence < wanted; });
    return sample == samples_.end() ? samples_.back().since : sample->since;
}

}  // namespace atelier::postgres
