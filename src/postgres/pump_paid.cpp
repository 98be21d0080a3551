// The pump's half that guards paid calls: draining jobs, receipts, and the providers that the executor is told of.

#include "postgres/pump.hpp"

namespace atelier::postgres {

// Only when every receipt that was left has had its say: the executor is through with the spool, what it answered until
// then is settled, and no lease is still to become a draining one.
bool Pump::may_resolve_draining() const {
    if (!adopted_after_ || !draining_) return false;
    if (reclaim_wanted_ || unreclaimed_ || !drains_.empty() || !locked_drains_.empty()) return false;
    const auto came_before = [this](const Answer& answer) { return answer.number <= *adopted_after_; };
    return std::none_of(answers_.begin(), answers_.end(), came_before) &&
           std::none_of(locked_answers_.begin(), locked_answers_.end(), came_before);
}

// An answer that waits for its store comes at its own time, in flight or draining. Its place in its lane is free, and
// its service is well.
void Pump::keep(const std::vector<std::int64_t>& attempts, core::Instant now) {
    for (const std::int64_t attempt : attempts) {
        drained(attempt);
        const Order* order = in_flight_.find(attempt);
        if (order == nullptr) {
            kept_receipts_.insert(attempt);
        } else if (!order->kept) {
            queue_.vacate(order->tenant);
            lanes_.ended(order->lane, order->round, core::Pace{}, now);
            in_flight_.keep(attempt);
        }
    }
}

std::vector<std::int64_t> Pump::known_answers() const {
    std::vector<std::int64_t> known = given_up_;
    known.insert(known.end(), kept_receipts_.begin(), kept_receipts_.end());
    return known;
}

void Pump::apply_draining(const Batch& batch, const Yield& yield) {
    drains_.erase(drains_.begin(), drains_.begin() + static_cast<std::ptrdiff_t>(batch.drains));
    locked_drains_.insert(locked_drains_.end(), yield.locked_drains.begin(), yield.locked_drains.end());
    if (batch.resolve_draining) {
        draining_ = false;
        still_draining_ = yield.still_draining > 0;
    }
    if (batch.reclaim || batch.drains > 0) draining_ = true;
    if (yield.draining) replace_draining(*yield.draining);
}

bool Pump::leased_in_new_lane(const Yield& yield) const {
    return std::any_of(yield.leased.begin(), yield.leased.end(),
                       [this](const engine::LeasedRow& row) { return known_lanes_.count(row.entry.flow.lane) == 0; });
}

void Pump::send_providers(std::string& payload) {
    // Without an executor there is nobody to tell; the next one is told when it is ready.
    providers_unsent_ = false;
    (void)link_.send(wire::FrameType::providers, 0, payload);
    core::wipe(payload);
}

// An executor that is gone needs not be told: its successor answers the same receipts again, which changes nothing, and
// is told then.
void Pump::tell_settled(const std::vector<std::int64_t>& attempts) {
    if (attempts.empty()) return;
    std::string payload = "[";
    for (const std::int64_t attempt : attempts)
        payload += std::to_string(attempt) + ',';
    payload.back() = ']';
    (void)link_.send(wire::FrameType::settled, 0, payload);
}

}  // namespace atelier::postgres
