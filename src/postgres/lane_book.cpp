#include "postgres/lane_book.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/json.hpp"

namespace atelier::postgres {

namespace {

using std::chrono::microseconds;

constexpr std::chrono::seconds record_every{1};
constexpr double average_seconds = 60;
constexpr std::int32_t share_of_free = 8;  // what a lane may have, in units of what it leaves free
constexpr std::array<const char*, core::axis_count> axis_words{"requests", "tokens", "images"};
constexpr std::size_t learned_bytes = 4096;

core::Instant instant_of(std::int64_t wall_us, Moment at) {
    return at.now + microseconds{wall_us - at.wall_us};
}

std::int64_t wall_of(core::Instant instant, Moment at) {
    return at.wall_us + std::chrono::duration_cast<microseconds>(instant - at.now).count();
}

std::optional<std::uint64_t> find_count(const core::Json& object, const char* name) {
    const core::Json* value = core::find_member(object, name, core::Json::value_t::number_unsigned);
    return value == nullptr ? std::nullopt : std::optional(value->get<std::uint64_t>());
}

bool has_rates(const core::LearnedPace& learned) {
    return std::any_of(learned.rates.begin(), learned.rates.end(), [](const auto& rate) { return rate.count > 0; });
}

}  // namespace

const char* to_string(core::GateState state) noexcept {
    switch (state) {
        case core::GateState::open:
            return "open";
        case core::GateState::resting:
            return "resting";
        case core::GateState::broken:
            return "broken";
        case core::GateState::trying:
            return "trying";
        case core::GateState::opening:
            break;
    }
    return "opening";
}

std::string write_learned(const core::LearnedPace& learned) {
    core::Json json = core::Json::object();
    for (std::size_t axis = 0; axis < core::axis_count; ++axis) {
        const core::LearnedRate& rate = learned.rates[axis];
        if (rate.count == 0) continue;
        json[axis_words[axis]] = {{"count", rate.count}, {"window_ms", rate.window.count()}, {"told", rate.told}};
    }
    if (learned.in_flight > 0) json["in_flight"] = learned.in_flight;
    return json.dump();
}

core::LearnedPace read_learned(std::string_view text) {
    core::LearnedPace learned;
    const auto json = core::parse_json(text, {learned_bytes, 4}, core::ErrorClass::invalid_output);
    if (!json || !json->is_object()) return learned;
    constexpr std::uint64_t most_window_ms = std::uint64_t{31} * 24 * 3600 * 1000;
    constexpr std::uint64_t most_count = std::uint64_t{1} << 53;
    for (std::size_t axis = 0; axis < core::axis_count; ++axis) {
        const core::Json* rate = core::find_member(*json, axis_words[axis], core::Json::value_t::object);
        if (rate == nullptr) continue;
        const auto count = find_count(*rate, "count");
        const auto window = find_count(*rate, "window_ms");
        const core::Json* told = core::find_member(*rate, "told", core::Json::value_t::boolean);
        if (!count || *count == 0 || *count > most_count || !window || *window == 0 || *window > most_window_ms)
            continue;
        learned.rates[axis] = {*count, core::Milliseconds{*window}, told != nullptr && told->get<bool>()};
    }
    constexpr std::uint64_t most_in_flight = 100000;
    learned.in_flight = static_cast<std::int32_t>(std::min(find_count(*json, "in_flight").value_or(0), most_in_flight));
    return learned;
}

LaneBook::Lane& LaneBook::open(const LaneRow& row, Moment at) {
    Lane& lane = lanes_.try_emplace(row.lane, row.limits, at.now, static_cast<std::uint32_t>(row.lane)).first->second;
    lane.gate.recall(read_learned(row.learned), at.now);
    if (row.gate_until_us && *row.gate_until_us > at.wall_us && row.gate != "open")
        lane.gate.rest_until(instant_of(*row.gate_until_us, at), at.now);
    lane.noted.learned = read_learned(row.learned);
    // Any other state is of a worker that is gone, and is written anew at once.
    if (row.gate != "open") lane.noted.state = core::GateState::trying;
    return lane;
}

void LaneBook::read(const std::vector<LaneRow>& rows, Moment at) {
    for (const LaneRow& row : rows) {
        const auto known = lanes_.find(row.lane);
        if (known == lanes_.end()) {
            Lane& made = open(row, at);
            made.paused = row.paused;
            made.handled = row.handled;
            made.resumes = row.resumes;
            continue;
        }
        Lane& lane = known->second;
        lane.paused = row.paused;
        if (lane.limits != row.limits) {
            lane.limits = row.limits;
            lane.gate.configure(row.limits, at.now);
        }
        // What is only in the table differs from what is written next, and is written over.
        const core::LearnedPace learned = read_learned(row.learned);
        // Of a rest that is not written down yet the table cannot say that it ended.
        const bool resumed = std::exchange(lane.resumes, row.resumes) != row.resumes;
        const bool closed = lane.gate.view(at.now).state != core::GateState::open;
        const bool opened = (resumed && closed) || (row.gate == "open" && lane.noted.state != core::GateState::open);
        const bool forgotten = has_rates(lane.noted.learned) && !has_rates(learned);
        lane.noted.learned = learned;
        if (!opened && !forgotten) continue;
        lane.gate.reopen(at.now);
        if (!opened) continue;
        lane.noted.state = core::GateState::open;
        lane.noted.until.reset();
    }
}

bool LaneBook::is_handled(std::int32_t lane) const {
    const auto found = lanes_.find(lane);
    return found != lanes_.end() && found->second.handled;
}

std::int32_t LaneBook::room(std::int32_t lane_id, std::int32_t free, core::Instant now) const {
    const auto found = lanes_.find(lane_id);
    if (found == lanes_.end() || found->second.paused || free <= 0) return 0;
    const Lane& lane = found->second;
    const std::int32_t busy = lane.gate.view(now).in_flight;
    const std::int32_t share = (share_of_free * free - busy) / (share_of_free + 1);
    return std::max(0, std::min({lane.gate.room(now), lane.limits.max_in_flight - busy - lane.draining,
                                 busy == 0 ? std::max(share, 1) : share}));
}

std::optional<core::Instant> LaneBook::opens_at(std::int32_t lane_id, core::Instant now) const {
    const auto found = lanes_.find(lane_id);
    if (found == lanes_.end() || found->second.paused) return std::nullopt;
    return found->second.gate.opens_at(now);
}

double LaneBook::decayed(const Lane& lane, core::Instant now) {
    const std::chrono::duration<double> age = now - lane.starts_at;
    return lane.starts * std::exp(-age.count() / average_seconds);
}

LaneBook::Round LaneBook::begun(std::int32_t lane_id, core::Instant now) {
    Lane& lane = lanes_.at(lane_id);
    lane.starts = decayed(lane, now) + 1;
    lane.starts_at = now;
    return lane.gate.begun(now);
}

bool LaneBook::ended(std::int32_t lane_id, Round round, const core::Pace& pace, core::Instant now) {
    const auto lane = lanes_.find(lane_id);
    return lane != lanes_.end() && lane->second.gate.ended(round, pace, now);
}

void LaneBook::forgotten(std::int32_t lane_id, Round round) {
    const auto lane = lanes_.find(lane_id);
    if (lane != lanes_.end()) lane->second.gate.forgotten(round);
}

void LaneBook::add_draining(std::int32_t lane_id, std::int32_t orders) {
    const auto lane = lanes_.find(lane_id);
    if (lane != lanes_.end()) lane->second.draining = std::max(0, lane->second.draining + orders);
}

std::vector<std::pair<std::int32_t, std::int32_t>> LaneBook::load(core::Instant now) const {
    std::vector<std::pair<std::int32_t, std::int32_t>> busy;
    for (const auto& [lane_id, lane] : lanes_) {
        const std::int32_t orders = lane.gate.view(now).in_flight + lane.draining;
        if (orders > 0) busy.emplace_back(lane_id, orders);
    }
    return busy;
}

std::optional<core::Instant> LaneBook::record_at(const Lane& lane, const core::GateView& view, core::Instant now) {
    if (noted_of(view) == lane.noted) return std::nullopt;
    if (view.state != lane.noted.state && !lane.note_failed) return now;
    return std::max(now, lane.noted_at + record_every);
}

std::vector<LaneRecord> LaneBook::to_record(Moment at) const {
    std::vector<LaneRecord> records;
    for (const auto& [lane_id, lane] : lanes_) {
        const core::GateView view = lane.gate.view(at.now);
        const auto due = record_at(lane, view, at.now);
        if (!due || *due > at.now) continue;
        std::optional<std::int64_t> until;
        if (view.until) until = wall_of(*view.until, at);
        records.push_back({lane_id, to_string(view.state), until, write_learned(view.learned), lane.resumes});
    }
    return records;
}

void LaneBook::recorded(const std::vector<LaneRecord>& records, const std::vector<std::int32_t>& done,
                        core::Instant now) {
    for (const LaneRecord& record : records) {
        Lane& lane = lanes_.at(record.lane);
        lane.noted_at = now;
        lane.note_failed = std::find(done.begin(), done.end(), record.lane) == done.end();
        if (!lane.note_failed) lane.noted = noted_of(lane.gate.view(now));
    }
}

std::optional<core::Instant> LaneBook::next_record(core::Instant now) const {
    std::optional<core::Instant> next;
    const auto consider = [&next](core::Instant at) { next = next ? std::min(*next, at) : at; };
    for (const auto& [lane_id, lane] : lanes_) {
        const core::GateView view = lane.gate.view(now);
        if (const auto due = record_at(lane, view, now)) consider(*due);
        if (view.until && *view.until > now) consider(*view.until);
    }
    return next;
}

std::vector<LaneBook::View> LaneBook::views(core::Instant now) const {
    std::vector<View> all;
    for (const auto& [lane_id, lane] : lanes_) {
        // An average over a minute that has not passed yet is one over the time that has.
        const std::chrono::duration<double> age = now - lane.made_at;
        const double span = average_seconds * -std::expm1(-age.count() / average_seconds);
        all.push_back({lane_id, lane.gate.view(now), lane.draining, span > 0 ? decayed(lane, now) / span : 0});
    }
    return all;
}

}  // namespace atelier::postgres
