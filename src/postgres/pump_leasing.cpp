// The pump's half that leases: what comes next by the shares of tenants and the gates of lanes, the sweep that finds
// what no note told, and the places that orders take.

#include "postgres/pump.hpp"
#include "postgres/settings.hpp"

namespace atelier::postgres {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds busy_sweep_every{10};
constexpr int page_share = 10;         // of the time, for the pages of a long sweep
constexpr seconds deadline_grace{30};  // the executor's own clock goes first
constexpr milliseconds least_wait{1};
constexpr std::size_t most_output_bytes = std::size_t{4} << 20;

}  // namespace

std::int32_t Pump::free_orders(bool handled) const {
    const auto calls = static_cast<std::int32_t>(in_flight_.handled());
    if (handled) return std::max(0, settings::max_in_flight - calls);
    if (!link_.ready() || link_.queued_bytes() >= most_output_bytes) return 0;
    return std::max(0, settings::max_in_flight - (static_cast<std::int32_t>(in_flight_.under_way()) - calls));
}

std::int32_t Pump::room(std::int32_t lane, core::Instant now) const {
    return lanes_.room(lane, free_orders(lanes_.is_handled(lane)), now);
}

std::int32_t Pump::capacity(core::Instant now) const {
    if (!leasing_) return 0;
    bool some_handled = false;
    for (const std::int32_t lane : queue_.waiting_lanes()) {
        if (lanes_.knows(lane) && room(lane, now) == 0) continue;
        some_handled |= !lanes_.knows(lane) || lanes_.is_handled(lane);
        if (!lanes_.is_handled(lane) && free_orders(false) > 0)
            return std::min(settings::turn_limit, free_orders(false));
    }
    // The executor's share is no measure for what does not go there: its lanes have no room then.
    return some_handled ? std::min(settings::turn_limit, free_orders(true)) : 0;
}

core::Instant Pump::next_opening(core::Instant now) const {
    core::Instant at = lanes_.next_record(now).value_or(core::Instant::max());
    for (const std::int32_t lane : queue_.waiting_lanes()) {
        if (!link_.ready() && !lanes_.is_handled(lane)) continue;
        if (const auto opens = lanes_.opens_at(lane, now)) at = std::min(at, *opens);
    }
    return std::max(at, now + least_wait);
}

// Never at once after the page before, whatever wants it: most of the time is for the rest.
core::Instant Pump::sweep_at() const {
    if (sweep_.under_way() || sweep_wanted_ || queue_.wants_sweep()) return next_page_at_;
    const milliseconds every = busy() ? milliseconds{busy_sweep_every} : milliseconds{settings::poll_interval_ms};
    return std::max(next_page_at_, swept_at_ + every);
}

// A turn with a page leases nothing: should one wanted sweep follow another, there is a lease between any two pages.
bool Pump::sweep_is_due(core::Instant now) const {
    return leasing_ && now >= sweep_at() && !(lease_next_ && capacity(now) > 0);
}

// A round looks at everything, and is wanted until its first page is committed: what no note told of, as the commit of
// a prepared transaction, is found by it.
void Pump::begin_sweep() {
    sweep_.begin(queue_.sweep_begins());
    sweep_wanted_ = false;
    resolve_wanted_ = true;
    cancellations_wanted_ = true;
    lanes_stale_ = true;
    tenants_stale_ = true;
}

// In a first sweep there is nothing else to do; later ones leave most of the time to the rest.
void Pump::apply_sweep(Yield& yield, const Notes& late, core::Instant now) {
    const core::Instant end = core::now();
    const int unannounced = queue_.apply_sweep(sweep_.take(std::move(yield.swept)), late, now);
    if (!first_sweep_) report_.swept += unannounced;
    next_page_at_ = first_sweep_ ? now : end + (page_share - 1) * (end - yield.swept_since);
    if (sweep_.under_way()) return;
    first_sweep_ = false;
    swept_at_ = now;
}

void Pump::read_limits(const Batch& batch, core::Instant now) {
    const auto unknown = [this](std::int32_t lane) { return !lanes_.knows(lane); };
    const std::vector<std::int32_t> waiting = queue_.waiting_lanes();
    if (batch.lanes || (batch.capacity > 0 && std::any_of(waiting.begin(), waiting.end(), unknown))) {
        lanes_.read(engine::lane_limits(), {now, GetCurrentTimestamp()});
        for (const std::int32_t lane : waiting)
            if (unknown(lane)) queue_.forget_lane(lane);
    }
    if (batch.tenants) queue_.set_tenants(engine::tenant_limits());
}

std::vector<engine::LeasedRow> Pump::lease(const Batch& batch, core::Instant now) {
    std::vector<FairQueue::Room> rooms;
    for (const std::int32_t lane : queue_.waiting_lanes())
        rooms.push_back({lane, room(lane, now)});
    planned_ = queue_.plan(batch.capacity, rooms);
    if (planned_->takes.empty()) return {};
    return engine::lease({epoch_, *planned_, lanes_.load(now)});
}

void Pump::apply_leases(Yield& yield, core::Instant now) {
    if (!planned_) return;
    std::vector<Entry> taken;
    for (const engine::LeasedRow& row : yield.leased)
        taken.push_back(row.entry);
    queue_.apply(*std::exchange(planned_, std::nullopt), taken);
    for (engine::LeasedRow& row : yield.leased)
        if (row.order) send_order(row, now);
}

void Pump::send_order(engine::LeasedRow& row, core::Instant now) {
    Order order;
    order.lane = row.entry.flow.lane;
    order.tenant = row.entry.flow.tenant;
    order.deadline = now + milliseconds{row.timeout_ms} + deadline_grace;
    order.lease = lease_of_order(*row.order);
    order.paid = row.paid;
    known_lanes_.insert(order.lane);
    report_.leased++;
    if (row.handled) return send_call(row.attempt, row.timeout_ms, std::move(order), now);
    if (link_.send(wire::FrameType::order, row.attempt, *row.order)) {
        order.round = lanes_.begun(order.lane, now);
        queue_.occupy(order.tenant);
        in_flight_.add(row.attempt, std::move(order));
    } else {
        answer_for(row.attempt, order, core::ErrorClass::invalid_request, "the order is too long for the executor");
    }
}

std::optional<Order> Pump::withdraw(std::int64_t attempt) {
    std::optional<Order> order = in_flight_.take(attempt);
    if (order && !order->kept) {
        lanes_.forgotten(order->lane, order->round);
        queue_.vacate(order->tenant);
    }
    return order;
}

void Pump::add_draining(std::int64_t attempt, const Order& order) {
    if (!draining_places_.emplace(attempt, Place{order.lane, order.tenant}).second) return;
    lanes_.add_draining(order.lane, 1);
    queue_.occupy(order.tenant);
}

void Pump::drained(std::int64_t attempt) {
    const auto found = draining_places_.find(attempt);
    if (found == draining_places_.end()) return;
    lanes_.add_draining(found->second.lane, -1);
    queue_.vacate(found->second.tenant);
    draining_places_.erase(found);
}

// What is not a draining job yet, because somebody held it locked or the executor ended just now, keeps its place. What
// is answered has none, though it is draining until its answer can be recorded.
void Pump::replace_draining(const std::vector<engine::DrainingOrder>& orders) {
    std::unordered_set<std::int64_t> there(drains_.begin(), drains_.end());
    there.insert(locked_drains_.begin(), locked_drains_.end());
    for (const engine::DrainingOrder& order : orders)
        there.insert(order.attempt);
    for (const std::int64_t answered : known_answers())
        there.erase(answered);
    std::vector<std::int64_t> gone;
    for (const auto& [attempt, place] : draining_places_)
        if (there.count(attempt) == 0) gone.push_back(attempt);
    for (const std::int64_t attempt : gone)
        drained(attempt);
    for (const engine::DrainingOrder& order : orders) {
        if (there.count(order.attempt) == 0) continue;
        Order place;
        place.lane = order.lane;
        place.tenant = order.tenant;
        add_draining(order.attempt, place);
    }
}

// Those that have something to do come first, should there be more than fit.
void Pump::publish_lanes(core::Instant now) {
    report_.lane_count = 0;
    const std::vector<LaneBook::View> all = lanes_.views(now);
    for (const bool busy_ones : {true, false}) {
        for (const LaneBook::View& view : all) {
            const FairQueue::Backlog backlog = queue_.backlog(view.lane);
            const core::GateView& gate = view.gate;
            const bool is_busy = gate.in_flight > 0 || view.draining > 0 || backlog.tenants > 0;
            if (is_busy != busy_ones || report_.lane_count == max_published_lanes) continue;
            LaneCounters& out = report_.lanes[report_.lane_count++];
            out = {view.lane,
                   gate.in_flight + view.draining,
                   gate.allowed,
                   backlog.tenants,
                   static_cast<std::int64_t>(gate.started),
                   static_cast<std::int64_t>(gate.answered),
                   static_cast<std::int64_t>(gate.refused),
                   static_cast<std::int64_t>(gate.failed),
                   backlog.weights,
                   view.starts_per_second,
                   {}};
            strlcpy(out.gate, to_string(gate.state), sizeof out.gate);
        }
    }
}

}  // namespace atelier::postgres
