#pragma once
// Who comes next. The queue is read by flows (lane, tenant, priority), each from a watermark on, so that a claim never
// walks over dead index entries again; this says which flows to read, how many jobs of each, and keeps the watermarks.
//
// A lane's room is shared among the tenants that wait for it by weight: the one with the lowest virtual time is next
// and is charged 1/weight for the job (start-time fair queuing); who comes anew begins at the lane's clock. Within a
// tenant priorities count, and waiting makes up for them: one level for each `aging`. Lanes take turns.
//
// A flow may turn out to be empty: that is found by reading it, and it is forgotten. What holds entries is known by the
// notes of commits, and by the sweep. A decision costs the logarithm of the number of tenants. Memory is bounded; what
// does not fit is found by a later sweep, and whoever was served last makes room for whoever was not.
//
// No PostgreSQL here.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "postgres/notes.hpp"
#include "postgres/sequence_times.hpp"

namespace atelier::postgres {

struct TenantHash {
    std::size_t operator()(const Tenant& tenant) const noexcept;
};

// What sets a tenant apart from others.
struct TenantLimit {
    Tenant tenant{};
    double weight = 1;                          // more than 0
    std::optional<std::int32_t> max_in_flight;  // in all lanes together
    bool paused = false;
};

// The order in which a sweep goes over the flows.
struct SweepOrder {
    bool operator()(const Flow& a, const Flow& b) const noexcept;
};

// A part of a sweep: the lowest entry of every flow after `after` (nullopt: from the first on), up to `last` (nullopt:
// up to the end).
struct SweepPage {
    std::optional<Flow> after;
    std::optional<Flow> last;
    std::vector<Entry> found;  // in the order of the sweep
};

class FairQueue {
  public:
    explicit FairQueue(std::size_t most_flows = 50000) : most_flows_(most_flows) {}

    // 0: a priority is never outwaited.
    void set_aging(core::Milliseconds level);
    // All tenants that are not like the others, which have weight 1, no limit and no pause.
    void set_tenants(const std::vector<TenantLimit>& limits);

    // An entry was announced at `now`: read its flow from there on.
    void lower(const Entry& entry, core::Instant now);
    // Entries that no note announced (neither before nor in `late`, the notes that came in while looking) are counted
    // and lowered to; flows of the page's part that hold nothing are forgotten. `late` is to be announced afterwards.
    int apply_sweep(const SweepPage& page, const Notes& late, core::Instant now);
    // Flows were left out that would fit by now.
    bool wants_sweep() const noexcept { return left_out_ && flows_ < most_flows_ / 4 * 3; }
    // The first flow that found no room since the last sweep began, of a tenant that has not had its turn: where the
    // next one is to begin.
    std::optional<Flow> sweep_begins() noexcept {
        left_out_ = false;
        return std::exchange(refused_, std::nullopt);
    }

    // What to read next. Each plan ends with apply() or undo() before anything else is called.
    struct Take {
        Flow flow;
        std::int64_t watermark;
        std::int32_t count;
    };
    struct Plan {
        std::vector<Take> takes;
        std::vector<std::pair<std::int32_t, double>> clocks;  // of the lanes, as they were
    };
    struct Room {
        std::int32_t lane;
        std::int32_t orders;
    };
    Plan plan(std::int32_t capacity, const std::vector<Room>& rooms);
    // These entries came. A flow of which fewer came than planned is empty.
    void apply(const Plan& plan, const std::vector<Entry>& taken);
    // Nothing was read.
    void undo(const Plan& plan);

    // Orders of a tenant under way.
    void occupy(const Tenant& tenant);
    void vacate(const Tenant& tenant);

    // The lanes with flows of tenants that may go on.
    std::vector<std::int32_t> waiting_lanes() const;
    // Nobody waits for it any more; for a lane that is not known.
    void forget_lane(std::int32_t lane);

    // Tenants with flows in a lane that are not paused, and the sum of their weights.
    struct Backlog {
        std::int32_t tenants = 0;
        double weights = 0;
    };
    Backlog backlog(std::int32_t lane) const;
    std::size_t flows() const noexcept { return flows_; }

  private:
    // The place of a flow among those of its tenant in a lane.
    struct Rank {
        std::int64_t since;  // when it could have begun, put off by its priority; or the priority alone
        std::int64_t mark;
        std::int16_t priority;
        auto operator<=>(const Rank&) const = default;
    };
    struct FlowState {
        std::int64_t mark;
        Rank rank;
        std::int32_t planned = 0;  // position in the plan, counted from 1
    };
    // The place of a tenant in a lane.
    struct Place {
        double time;
        std::uint64_t arrival;  // among equals the first one first
        Tenant tenant;
        auto operator<=>(const Place&) const = default;
    };
    enum class Standing { idle, ready, aside };  // idle: without flows
    struct Member {
        double time = 0;  // of its next job
        std::uint64_t arrival = 0;
        Standing standing = Standing::idle;
        std::map<std::int16_t, FlowState> flows;
        std::set<Rank> ranks;
    };
    struct Lane {
        double clock = 0;
        std::size_t flows = 0;
        std::map<Tenant, Member> members;  // idle ones as long as they are ahead of the clock
        std::set<Place> ready;
        std::set<Place> idle;
        std::set<Tenant> aside;
        Backlog backlog;
    };
    struct TenantState {
        TenantLimit limit;
        std::int32_t in_flight = 0;
        std::int32_t planned = 0;
        bool aside = false;
        std::vector<std::int32_t> lanes;  // with flows of it

        bool stopped() const noexcept {
            return limit.paused || (limit.max_in_flight && in_flight + planned >= *limit.max_in_flight);
        }
    };

    Rank rank_of(std::int16_t priority, std::int64_t mark) const;
    double charge_of(const Tenant& tenant) const;
    FlowState* find(const Flow& flow);
    static void set_mark(Member& member, FlowState& flow, const Rank& rank);
    void add_flow(const Entry& entry);
    bool make_room(const Flow& flow);
    void forget(const Flow& flow);

    static void stand(Lane& lane, const Tenant& tenant, Member& member, Standing standing);
    static void move(Lane& lane, const Tenant& tenant, Member& member, double time);
    void join(std::int32_t lane_id, const Tenant& tenant);
    void leave(std::int32_t lane_id, const Tenant& tenant);
    void tidy(Lane& lane) const;

    void review(TenantState& state);
    void count(const TenantState& state, std::int32_t sign);
    void limit(const TenantLimit& limit);
    void drop_if_plain(const Tenant& tenant);

    bool take_one(std::int32_t lane_id, Plan& plan);
    struct Came {
        std::int32_t entries = 0;
        std::int64_t highest = 0;
    };
    void finish(const Plan& plan, const std::vector<Came>& came, bool was_read);
    std::vector<Flow> known_in(const SweepPage& page) const;

    std::size_t most_flows_;
    std::size_t flows_ = 0;
    bool left_out_ = false;
    std::optional<Flow> refused_;
    core::Milliseconds aging_{0};
    SequenceTimes times_;
    std::uint64_t arrivals_ = 0;
    std::int32_t last_lane_ = 0;
    std::map<std::int32_t, Lane> lanes_;
    std::unordered_map<Tenant, TenantState, TenantHash> tenants_;  // plain ones that have nothing are left out
    std::set<Tenant> limited_;
};

}  // namespace atelier::postgres
