#pragma once
// The lanes as the worker knows them: their limits and pauses as the table says, a gate for each, and what of the gates
// is to be written down. Times of the table are microseconds as in timestamptz. No PostgreSQL here.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/lane_gate.hpp"

namespace atelier::postgres {

// The same moment by both clocks.
struct Moment {
    core::Instant now;
    std::int64_t wall_us;
};

// What the table says of a lane.
struct LaneRow {
    std::int32_t lane = 0;
    core::LaneLimits limits;
    bool paused = false;
    std::string gate = "open";
    std::optional<std::int64_t> gate_until_us;
    std::string learned = "{}";
    bool handled = false;      // its orders are calls of functions of users, not for the executor
    std::int32_t resumes = 0;  // how often somebody resumed it
};

// What the table is to say.
struct LaneRecord {
    std::int32_t lane;
    const char* gate;
    std::optional<std::int64_t> until_us;
    std::string learned;
    std::int32_t resumes;  // as the table said when that was learned
};

const char* to_string(core::GateState state) noexcept;

// As in the column `learned`: {"requests":{"count":n,"window_ms":n,"told":bool}, .., "in_flight":n}. What cannot be
// read was not learned.
std::string write_learned(const core::LearnedPace& learned);
core::LearnedPace read_learned(std::string_view text);

class LaneBook {
  public:
    using Round = core::LaneGate::Round;

    // All lanes there are. A gate that somebody resumed or opened in the table, or of which somebody removed the
    // learned rates there, opens and forgets them.
    void read(const std::vector<LaneRow>& rows, Moment at);
    bool knows(std::int32_t lane) const { return lanes_.count(lane) > 0; }
    bool is_handled(std::int32_t lane) const;

    // How many orders may begin now, when `free` of those that the worker may have under way are free. A lane that has
    // orders under way takes of these no more than one ninth stays for the others.
    std::int32_t room(std::int32_t lane, std::int32_t free, core::Instant now) const;
    // When there may be room without an answer and without a change of the table; nullopt: never.
    std::optional<core::Instant> opens_at(std::int32_t lane, core::Instant now) const;

    Round begun(std::int32_t lane, core::Instant now);
    // True: the failure costs the job nothing.
    bool ended(std::int32_t lane, Round round, const core::Pace& pace, core::Instant now);
    void forgotten(std::int32_t lane, Round round);

    // Calls of executors that are gone, which may still be under way: they take places.
    void add_draining(std::int32_t lane, std::int32_t orders);
    // Orders under way, those included, of lanes that have any.
    std::vector<std::pair<std::int32_t, std::int32_t>> load(core::Instant now) const;

    // What is to be written down now: a new state at once, the rest at most once a second for each lane.
    std::vector<LaneRecord> to_record(Moment at) const;
    // `done` of them were; the others are to be tried again, a second later.
    void recorded(const std::vector<LaneRecord>& records, const std::vector<std::int32_t>& done, core::Instant now);
    // When to_record() has something by itself; nullopt: nothing by the clock alone.
    std::optional<core::Instant> next_record(core::Instant now) const;

    struct View {
        std::int32_t lane;
        core::GateView gate;
        std::int32_t draining;
        double starts_per_second;  // a moving average over about a minute
    };
    std::vector<View> views(core::Instant now) const;

  private:
    // What the table says of the gate, as far as is known here.
    struct Noted {
        core::GateState state = core::GateState::open;
        std::optional<core::Instant> until;
        core::LearnedPace learned;
        bool operator==(const Noted&) const = default;
    };
    struct Lane {
        Lane(const core::LaneLimits& its_limits, core::Instant now, std::uint32_t seed)
            : gate(its_limits, now, seed), limits(its_limits), made_at(now), starts_at(now) {}

        core::LaneGate gate;
        core::LaneLimits limits;
        bool paused = false;
        bool handled = false;
        std::int32_t resumes = 0;
        std::int32_t draining = 0;
        Noted noted;
        core::Instant noted_at{};
        bool note_failed = false;
        core::Instant made_at;
        double starts = 0;  // weighted by age, as of starts_at
        core::Instant starts_at;
    };

    static Noted noted_of(const core::GateView& view) { return {view.state, view.until, view.learned}; }
    static std::optional<core::Instant> record_at(const Lane& lane, const core::GateView& view, core::Instant now);
    static double decayed(const Lane& lane, core::Instant now);
    Lane& open(const LaneRow& row, Moment at);

    std::map<std::int32_t, Lane> lanes_;
};

}  // namespace atelier::postgres
