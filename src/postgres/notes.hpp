#pragma once
// What a committed transaction tells the worker of its database. Plain old data without PostgreSQL: one Notes lives in
// each backend, one in each slot of shared memory; neither allocates or throws, because they are merged after commit.

#include <cstdint>
#include <limits>

namespace atelier::postgres {

struct LaneNote {
    std::int32_t lane;
    std::int16_t priority;
    std::int64_t sequence;
};

struct Notes {
    static constexpr int capacity = 32;
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

    LaneNote entries[capacity];  // at most one for each (lane, priority): the lowest sequence
    std::int32_t count;
    bool sweep;         // entries did not fit, or something else wants a full look
    bool cancellation;  // rows in cancellations
    bool dependency;    // rows in job_dependencies
    bool lanes;         // a lane changed
    bool reclaim;       // a dead incarnation may have left leases
    std::int64_t due;   // earliest run_after, microseconds as in timestamptz; never when none

    void clear() noexcept;
    bool empty() const noexcept;
    void add_entry(const LaneNote& note) noexcept;
    void add_due(std::int64_t at) noexcept;
    void merge(const Notes& other) noexcept;
};

}  // namespace atelier::postgres
