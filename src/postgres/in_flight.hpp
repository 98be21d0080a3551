#pragma once
// The orders that the executor or a handler process has and that were not answered: attempt -> lane, deadline, lease.
// No PostgreSQL here.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.hpp"
#include "core/lane_gate.hpp"
#include "postgres/notes.hpp"

namespace atelier::postgres {

struct Order {
    std::int32_t lane = 0;
    Tenant tenant{};
    core::LaneGate::Round round = 0;  // of the lane's gate
    core::Instant deadline;           // when the worker gives the answer itself
    std::string lease;                // JSON object, echoed in the answer
    bool paid = false;     // a provider bills it: it is never given back unless it is known not to have been sent
    bool kept = false;     // its answer waits for a store
    bool handled = false;  // a handler process has it, or is to have it, not the executor
};

// The JSON object that is the value of the key "lease", which an order has first: {"lease":{...}, ...}.
// Empty when the text has another form.
std::string_view lease_of_order(std::string_view order) noexcept;

// The token that a lease names, or an answer, which echoes its lease before anything that came from a service. nullopt:
// none.
std::optional<std::int64_t> token_of(std::string_view lease_or_answer) noexcept;

class InFlight {
  public:
    void add(std::int64_t attempt, Order order);
    // Removes it; nullopt for an attempt that is not in flight.
    std::optional<Order> take(std::int64_t attempt);
    const Order* find(std::int64_t attempt) const;
    // From now on it has no deadline and takes no place. False for an attempt that is not in flight.
    bool keep(std::int64_t attempt);

    std::size_t size() const noexcept { return orders_.size(); }
    // Of these, the ones that are not kept.
    std::size_t under_way() const noexcept { return orders_.size() - kept_; }
    std::size_t paid() const noexcept { return paid_; }
    std::size_t handled() const noexcept { return handled_; }
    bool empty() const noexcept { return orders_.empty(); }
    std::vector<std::int64_t> attempts() const;
    void set_deadline(std::int64_t attempt, core::Instant deadline);

    // Never later than the first deadline; nullopt when nothing is in flight.
    std::optional<core::Instant> next_deadline() const noexcept;
    std::vector<std::int64_t> overdue(core::Instant now);

  private:
    std::unordered_map<std::int64_t, Order> orders_;
    std::size_t paid_ = 0;
    std::size_t kept_ = 0;
    std::size_t handled_ = 0;
    core::Instant earliest_{};  // a lower bound, made exact when it passes
};

}  // namespace atelier::postgres
