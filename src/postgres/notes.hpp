#pragma once
// What a committed transaction tells the worker of its database. Plain old data without PostgreSQL: one Notes lives in
// each backend, one in each slot of shared memory; neither allocates or throws, because they are merged after commit.

#include <array>
#include <compare>
#include <cstdint>
#include <limits>

namespace atelier::postgres {

// The client that a job belongs to, as the bytes of its uuid; all zero for jobs that belong to none.
using Tenant = std::array<unsigned char, 16>;

// What is read in order: the queue entries of one tenant and priority in one lane.
struct Flow {
    std::int32_t lane;
    std::int16_t priority;
    Tenant tenant;

    auto operator<=>(const Flow&) const = default;
};

struct Entry {
    Flow flow;
    std::int64_t sequence;
};

struct Notes {
    static constexpr int capacity = 64;
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

    Entry entries[capacity];  // at most one for each flow: the lowest sequence
    std::int32_t count;
    bool sweep;         // entries did not fit, or something else wants a full look
    bool cancellation;  // rows in cancellations
    bool dependency;    // rows in job_dependencies
    bool lanes;         // a lane changed, or something was paused or resumed
    bool tenants;       // shares or pauses of clients changed
    bool reclaim;       // a dead incarnation may have left leases
    std::int64_t due;   // earliest run_after, microseconds as in timestamptz; never when none

    void clear() noexcept;
    bool empty() const noexcept;
    void add_entry(const Entry& entry) noexcept;
    void add_due(std::int64_t at) noexcept;
    void merge(const Notes& other) noexcept;
};

}  // namespace atelier::postgres
