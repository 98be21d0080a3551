#pragma once
// Where the worker reads on in the queue: one watermark for each (lane, priority) that may hold entries. A claim reads
// entries above the watermark only, so it never walks over dead index entries again. No PostgreSQL here.

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "postgres/notes.hpp"

namespace atelier::postgres {

class QueueKeys {
  public:
    // An entry at note.sequence was announced: read from there on.
    void lower(const LaneNote& note);

    // An entry up to `taken` was claimed.
    void advance(const LaneNote& taken);

    // The lowest entry of each key, as a full look found it. Entries that no note announced (neither before nor in
    // `late`, the notes that came in while looking) are counted and lowered to; keys that hold nothing are dropped.
    // `late` must be absorbed by the caller afterwards.
    int apply_sweep(const std::vector<LaneNote>& found, const Notes& late);

    bool empty() const noexcept { return marks_.empty(); }

    // Three arrays of equal length, as the lease function takes them.
    struct Arrays {
        std::vector<std::int32_t> lanes;
        std::vector<std::int16_t> priorities;
        std::vector<std::int64_t> watermarks;
    };
    Arrays arrays() const;

  private:
    using Key = std::pair<std::int32_t, std::int16_t>;
    std::map<Key, std::int64_t> marks_;
};

}  // namespace atelier::postgres
