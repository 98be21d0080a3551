#include "postgres/fair_queue.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <tuple>

namespace atelier::postgres {

std::size_t TenantHash::operator()(const Tenant& tenant) const noexcept {
    // Of a random uuid any eight bytes would do; a time-ordered one has its random half at the end.
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    std::memcpy(&head, tenant.data(), sizeof head);
    std::memcpy(&tail, tenant.data() + sizeof head, sizeof tail);
    return static_cast<std::size_t>(head * 0x9e3779b97f4a7c15U ^ tail);
}

bool SweepOrder::operator()(const Flow& a, const Flow& b) const noexcept {
    return std::tie(a.lane, a.tenant, a.priority) < std::tie(b.lane, b.tenant, b.priority);
}

// What was taken when the priority was 0: a priority of 1 counts as one `aging` later.
FairQueue::Rank FairQueue::rank_of(std::int16_t priority, std::int64_t mark) const {
    if (aging_.count() == 0) return {priority, mark, priority};
    const auto since = std::chrono::duration_cast<core::Milliseconds>(times_.time_of(mark + 1).time_since_epoch());
    return {since.count() + priority * aging_.count(), mark, priority};
}

double FairQueue::charge_of(const Tenant& tenant) const {
    const auto found = tenants_.find(tenant);
    return found == tenants_.end() ? 1 : 1 / found->second.limit.weight;
}

FairQueue::FlowState* FairQueue::find(const Flow& flow) {
    const auto lane = lanes_.find(flow.lane);
    if (lane == lanes_.end()) return nullptr;
    const auto member = lane->second.members.find(flow.tenant);
    if (member == lane->second.members.end()) return nullptr;
    const auto found = member->second.flows.find(flow.priority);
    return found == member->second.flows.end() ? nullptr : &found->second;
}

void FairQueue::set_mark(Member& member, FlowState& flow, const Rank& rank) {
    member.ranks.erase(flow.rank);
    flow.mark = rank.mark;
    flow.rank = rank;
    member.ranks.insert(rank);
}

void FairQueue::set_aging(core::Milliseconds level) {
    if (level == aging_) return;
    aging_ = level;
    for (auto& [lane_id, lane] : lanes_)
        for (auto& [tenant, member] : lane.members)
            for (auto& [priority, flow] : member.flows)
                set_mark(member, flow, rank_of(priority, flow.mark));
}

void FairQueue::lower(const Entry& entry, core::Instant now) {
    times_.observe(entry.sequence, now);
    FlowState* flow = find(entry.flow);
    if (flow == nullptr) return add_flow(entry);
    if (entry.sequence > flow->mark) return;
    set_mark(lanes_.at(entry.flow.lane).members.at(entry.flow.tenant), *flow,
             rank_of(entry.flow.priority, entry.sequence - 1));
}

void FairQueue::add_flow(const Entry& entry) {
    const auto& [lane_id, priority, tenant] = entry.flow;
    if (flows_ >= most_flows_ && !make_room(entry.flow)) {
        const Lane& lane = lanes_[lane_id];
        const auto member = lane.members.find(tenant);
        if (!refused_ && (member == lane.members.end() || member->second.time <= lane.clock)) refused_ = entry.flow;
        return;
    }
    Lane& lane = lanes_[lane_id];
    Member& member = lane.members[tenant];
    const Rank rank = rank_of(priority, entry.sequence - 1);
    member.flows.emplace(priority, FlowState{rank.mark, rank});
    member.ranks.insert(rank);
    ++lane.flows;
    ++flows_;
    if (member.flows.size() == 1) join(lane_id, tenant);
}

// From the lane that has most: of a tenant that may not go on, else of the one that is last in the line, unless that is
// where the newcomer would stand.
bool FairQueue::make_room(const Flow& flow) {
    const auto& [lane_id, priority, tenant] = flow;
    left_out_ = true;
    const auto fuller = [](const auto& a, const auto& b) { return a.second.flows < b.second.flows; };
    const auto& [full_id, full] = *std::max_element(lanes_.begin(), lanes_.end(), fuller);
    Tenant victim{};
    if (!full.aside.empty()) {
        victim = *full.aside.rbegin();
    } else if (!full.ready.empty()) {
        const Place& last = *full.ready.rbegin();
        const auto member = full.members.find(tenant);
        const double time = member == full.members.end() ? full.clock : std::max(full.clock, member->second.time);
        if (full_id == lane_id && time >= last.time) return false;
        victim = last.tenant;
    } else {
        return false;
    }
    if (full_id == lane_id && victim == tenant) return false;
    forget({full_id, full.members.at(victim).ranks.rbegin()->priority, victim});
    return true;
}

void FairQueue::forget(const Flow& flow) {
    Lane& lane = lanes_.at(flow.lane);
    Member& member = lane.members.at(flow.tenant);
    const auto found = member.flows.find(flow.priority);
    member.ranks.erase(found->second.rank);
    member.flows.erase(found);
    --lane.flows;
    --flows_;
    if (member.flows.empty()) leave(flow.lane, flow.tenant);
}

void FairQueue::forget_lane(std::int32_t lane_id) {
    const auto lane = lanes_.find(lane_id);
    if (lane == lanes_.end()) return;
    std::vector<Flow> all;
    for (const auto& [tenant, member] : lane->second.members)
        for (const auto& [priority, flow] : member.flows)
            all.push_back({lane_id, priority, tenant});
    for (const Flow& flow : all)
        forget(flow);
}

std::vector<Flow> FairQueue::known_in(const SweepPage& page) const {
    constexpr SweepOrder before;
    std::vector<Flow> known;
    for (auto lane = page.after ? lanes_.lower_bound(page.after->lane) : lanes_.begin(); lane != lanes_.end(); ++lane) {
        if (page.last && lane->first > page.last->lane) break;
        const auto& members = lane->second.members;
        const bool within = page.after && page.after->lane == lane->first;
        for (auto member = within ? members.lower_bound(page.after->tenant) : members.begin(); member != members.end();
             ++member) {
            for (const auto& [priority, state] : member->second.flows) {
                const Flow flow{lane->first, priority, member->first};
                if (page.last && before(*page.last, flow)) return known;
                if (!page.after || before(*page.after, flow)) known.push_back(flow);
            }
        }
    }
    return known;
}

int FairQueue::apply_sweep(const SweepPage& page, const Notes& late, core::Instant now) {
    constexpr SweepOrder before;
    auto entry = page.found.begin();
    for (const Flow& flow : known_in(page)) {
        while (entry != page.found.end() && before(entry->flow, flow))
            ++entry;
        if (entry == page.found.end() || entry->flow != flow) forget(flow);
    }
    const std::span announced(late.entries, static_cast<std::size_t>(late.count));
    int unannounced = 0;
    for (const Entry& found : page.found) {
        const FlowState* known = find(found.flow);
        if (known != nullptr && known->mark < found.sequence) continue;
        const bool coming = late.sweep || std::any_of(announced.begin(), announced.end(), [&](const Entry& note) {
                                return note.flow == found.flow && note.sequence <= found.sequence;
                            });
        if (!coming) ++unannounced;
        lower(found, now);
    }
    return unannounced;
}

FairQueue::Plan FairQueue::plan(std::int32_t capacity, const std::vector<Room>& rooms) {
    Plan plan;
    std::vector<Room> turns;
    for (const Room& room : rooms) {
        const auto lane = lanes_.find(room.lane);
        if (room.orders <= 0 || lane == lanes_.end()) continue;
        turns.push_back(room);
        plan.clocks.emplace_back(room.lane, lane->second.clock);
    }
    // The lane after the one that was last served begins.
    const auto next = std::find_if(turns.begin(), turns.end(), [&](const Room& r) { return r.lane > last_lane_; });
    std::rotate(turns.begin(), next, turns.end());
    while (capacity > 0 && !turns.empty()) {
        std::size_t left = 0;
        for (Room& turn : turns) {
            if (capacity > 0 && !take_one(turn.lane, plan)) continue;
            if (capacity > 0) {
                --capacity;
                --turn.orders;
                last_lane_ = turn.lane;
            }
            if (turn.orders > 0) turns[left++] = turn;
        }
        turns.resize(left);
    }
    return plan;
}

bool FairQueue::take_one(std::int32_t lane_id, Plan& plan) {
    Lane& lane = lanes_.at(lane_id);
    if (lane.ready.empty()) return false;
    const Tenant tenant = lane.ready.begin()->tenant;
    Member& member = lane.members.at(tenant);
    const std::int16_t priority = member.ranks.begin()->priority;
    FlowState& flow = member.flows.at(priority);
    if (flow.planned == 0) {
        plan.takes.push_back({{lane_id, priority, tenant}, flow.mark, 0});
        flow.planned = static_cast<std::int32_t>(plan.takes.size());
    }
    ++plan.takes[static_cast<std::size_t>(flow.planned) - 1].count;
    TenantState& state = tenants_.at(tenant);
    lane.clock = std::max(lane.clock, member.time);
    move(lane, tenant, member, member.time + 1 / state.limit.weight);
    ++state.planned;
    review(state);
    return true;
}

void FairQueue::apply(const Plan& plan, const std::vector<Entry>& taken) {
    std::vector<Came> came(plan.takes.size());
    for (const Entry& entry : taken) {
        const FlowState* flow = find(entry.flow);
        if (flow == nullptr || flow->planned == 0) continue;
        Came& count = came[static_cast<std::size_t>(flow->planned) - 1];
        ++count.entries;
        count.highest = std::max(count.highest, entry.sequence);
    }
    finish(plan, came, true);
}

void FairQueue::undo(const Plan& plan) {
    finish(plan, std::vector<Came>(plan.takes.size()), false);
}

void FairQueue::finish(const Plan& plan, const std::vector<Came>& came, bool was_read) {
    for (const auto& [lane_id, clock] : plan.clocks)
        lanes_.at(lane_id).clock = clock;
    for (std::size_t i = 0; i < plan.takes.size(); ++i) {
        const Take& take = plan.takes[i];
        Lane& lane = lanes_.at(take.flow.lane);
        Member& member = lane.members.at(take.flow.tenant);
        FlowState& flow = member.flows.at(take.flow.priority);
        TenantState& state = tenants_.at(take.flow.tenant);
        const double charge = charge_of(take.flow.tenant);
        flow.planned = 0;
        state.planned -= take.count;
        move(lane, take.flow.tenant, member, member.time - charge * (take.count - came[i].entries));
        if (came[i].entries > 0) {
            lane.clock = std::max(lane.clock, member.time - charge);
            const std::int64_t mark = std::max(flow.mark, came[i].highest);
            set_mark(member, flow, rank_of(take.flow.priority, mark));
        }
        review(state);
        if (was_read && came[i].entries < take.count) forget(take.flow);
    }
    for (const auto& [lane_id, clock] : plan.clocks)
        tidy(lanes_.at(lane_id));
}

std::vector<std::int32_t> FairQueue::waiting_lanes() const {
    std::vector<std::int32_t> waiting;
    for (const auto& [lane_id, lane] : lanes_)
        if (!lane.ready.empty()) waiting.push_back(lane_id);
    return waiting;
}

FairQueue::Backlog FairQueue::backlog(std::int32_t lane_id) const {
    const auto lane = lanes_.find(lane_id);
    return lane == lanes_.end() ? Backlog{} : lane->second.backlog;
}

}  // namespace atelier::postgres
