// The queue's tenants: where they stand in their lanes, and what limits them.

#include "postgres/fair_queue.hpp"

#include <algorithm>

namespace atelier::postgres {

void FairQueue::stand(Lane& lane, const Tenant& tenant, Member& member, Standing standing) {
    const Place place{member.time, member.arrival, tenant};
    if (member.standing == Standing::ready) lane.ready.erase(place);
    if (member.standing == Standing::idle) lane.idle.erase(place);
    if (member.standing == Standing::aside) lane.aside.erase(tenant);
    member.standing = standing;
    if (standing == Standing::ready) lane.ready.insert(place);
    if (standing == Standing::idle) lane.idle.insert(place);
    if (standing == Standing::aside) lane.aside.insert(tenant);
}

void FairQueue::move(Lane& lane, const Tenant& tenant, Member& member, double time) {
    if (time == member.time) return;
    std::set<Place>* line = member.standing == Standing::ready  ? &lane.ready
                            : member.standing == Standing::idle ? &lane.idle
                                                                : nullptr;
    if (line != nullptr) line->erase({member.time, member.arrival, tenant});
    member.time = time;
    if (line != nullptr) line->insert({member.time, member.arrival, tenant});
}

void FairQueue::join(std::int32_t lane_id, const Tenant& tenant) {
    Lane& lane = lanes_.at(lane_id);
    Member& member = lane.members.at(tenant);
    lane.idle.erase({member.time, member.arrival, tenant});
    member.time = std::max(member.time, lane.clock);
    member.arrival = ++arrivals_;
    TenantState& state = tenants_[tenant];
    state.limit.tenant = tenant;
    state.lanes.push_back(lane_id);
    lane.backlog.tenants += state.limit.paused ? 0 : 1;
    lane.backlog.weights += state.limit.paused ? 0 : state.limit.weight;
    stand(lane, tenant, member, state.aside ? Standing::aside : Standing::ready);
}

void FairQueue::leave(std::int32_t lane_id, const Tenant& tenant) {
    Lane& lane = lanes_.at(lane_id);
    TenantState& state = tenants_.at(tenant);
    std::erase(state.lanes, lane_id);
    lane.backlog.tenants -= state.limit.paused ? 0 : 1;
    lane.backlog.weights -= state.limit.paused ? 0 : state.limit.weight;
    if (lane.backlog.tenants == 0) lane.backlog.weights = 0;
    stand(lane, tenant, lane.members.at(tenant), Standing::idle);
    tidy(lane);
    drop_if_plain(tenant);
}

// Forgets who has nothing in the lane and would begin at its clock anyway. When nobody is left who waits, the next one
// begins a new round for all.
void FairQueue::tidy(Lane& lane) const {
    if (lane.flows == 0 && !lane.idle.empty()) lane.clock = std::max(lane.clock, lane.idle.rbegin()->time);
    while (!lane.idle.empty() && (lane.idle.begin()->time <= lane.clock || lane.idle.size() > most_flows_)) {
        lane.members.erase(lane.idle.begin()->tenant);
        lane.idle.erase(lane.idle.begin());
    }
}

// Sets it aside in all lanes, or lets it go on.
void FairQueue::review(TenantState& state) {
    if (state.aside == state.stopped()) return;
    state.aside = state.stopped();
    for (const std::int32_t lane_id : state.lanes) {
        Lane& lane = lanes_.at(lane_id);
        Member& member = lane.members.at(state.limit.tenant);
        stand(lane, state.limit.tenant, member, state.aside ? Standing::aside : Standing::ready);
        // Who could not go on has saved nothing for later.
        if (!state.aside) move(lane, state.limit.tenant, member, std::max(member.time, lane.clock));
    }
}

void FairQueue::occupy(const Tenant& tenant) {
    TenantState& state = tenants_[tenant];
    state.limit.tenant = tenant;
    ++state.in_flight;
    review(state);
}

void FairQueue::vacate(const Tenant& tenant) {
    const auto found = tenants_.find(tenant);
    if (found == tenants_.end() || found->second.in_flight == 0) return;
    --found->second.in_flight;
    review(found->second);
    drop_if_plain(tenant);
}

void FairQueue::drop_if_plain(const Tenant& tenant) {
    const auto found = tenants_.find(tenant);
    if (found == tenants_.end()) return;
    const TenantState& state = found->second;
    if (state.in_flight == 0 && state.planned == 0 && state.lanes.empty() && limited_.count(tenant) == 0)
        tenants_.erase(found);
}

void FairQueue::count(const TenantState& state, std::int32_t sign) {
    if (state.limit.paused) return;
    for (const std::int32_t lane_id : state.lanes) {
        Backlog& backlog = lanes_.at(lane_id).backlog;
        backlog.tenants += sign;
        backlog.weights = backlog.tenants == 0 ? 0 : backlog.weights + sign * state.limit.weight;
    }
}

void FairQueue::limit(const TenantLimit& limit) {
    TenantState& state = tenants_[limit.tenant];
    count(state, -1);
    state.limit = limit;
    count(state, 1);
    review(state);
}

void FairQueue::set_tenants(const std::vector<TenantLimit>& limits) {
    std::set<Tenant> before = std::exchange(limited_, {});
    for (const TenantLimit& each : limits) {
        limited_.insert(each.tenant);
        before.erase(each.tenant);
        limit(each);
    }
    for (const Tenant& tenant : before) {
        limit({.tenant = tenant, .max_in_flight = std::nullopt});
        drop_if_plain(tenant);
    }
}

}  // namespace atelier::postgres
