#pragma once
// The engine's SQL functions (schema atelier_internal) as C++ functions. Each runs inside an open Transaction and
// throws PgError. What they mean is said in the COMMENTs of sql/engine.

#include "postgres/fair_queue.hpp"
#include "postgres/in_flight.hpp"
#include "postgres/lane_book.hpp"
#include "postgres/notes.hpp"
#include "postgres/prelude.hpp"

namespace atelier::postgres::engine {

struct LeasedRow {
    Entry entry;
    std::int64_t attempt = 0;  // 0: the entry was consumed without an attempt
    std::int32_t timeout_ms = 0;
    std::optional<std::string> order;  // nullopt: nothing to send
    bool paid = false;                 // a provider bills it
    bool handled = false;              // a function of users does it, in a handler process
};

struct LeaseRequest {
    std::int64_t epoch;
    const FairQueue::Plan& plan;
    const std::vector<std::pair<std::int32_t, std::int32_t>>& load;  // lane -> orders under way
};

// A paid call whose executor is gone.
struct DrainingOrder {
    std::int64_t attempt;
    std::int32_t lane;
    Tenant tenant;
};

// nullopt: go on; otherwise why the engine pauses.
std::optional<std::string> begin_incarnation(std::int64_t epoch);

// Leases of dead incarnations that could not be taken over yet, because somebody holds their jobs locked.
std::int32_t reclaim(std::int64_t epoch);
// Draining jobs that could not be resolved yet, for the same reason. Those of the attempts `except` go on draining.
std::int32_t resolve_draining(std::int64_t epoch, const std::vector<std::int64_t>& except);

// Attempts whose jobs somebody holds locked: nothing was done for them, they are to be tried again.
using LockedAttempts = std::vector<std::int64_t>;

// `answers` is the text of a JSON array. The failures of `excused` cost no attempt.
LockedAttempts settle(std::int64_t epoch, const std::string& answers, const std::vector<std::int64_t>& excused);
struct Rejection {
    std::int64_t epoch;
    std::int64_t attempt;
    std::int64_t token;
    const std::string& answer;
    std::string sqlstate;
    std::string message;
};

// False: the job is locked.
bool settle_rejected(const Rejection& rejection);

std::int32_t promote(std::int32_t limit);
// How many are left because somebody holds them locked.
std::int32_t resolve_dependencies();
std::vector<LeasedRow> lease(const LeaseRequest& request);
// The lowest entry of each of the `most` flows after `after`; nullopt: of the first ones.
std::vector<Entry> sweep(const std::optional<Flow>& after, std::size_t most);
std::vector<LaneRow> lane_limits();
std::vector<TenantLimit> tenant_limits();
std::vector<DrainingOrder> draining_orders();
// The lanes that were; the others are locked.
std::vector<std::int32_t> record_lanes(const std::vector<LaneRecord>& records);
// Microseconds as in timestamptz; Notes::never when nothing is due.
std::int64_t next_due();
std::vector<std::int64_t> pending_cancellations();

LockedAttempts release(std::int64_t epoch, const std::vector<std::int64_t>& attempts, const std::string& error_class,
                       bool count_crash, const std::string& message);

// For paid attempts whose executor is gone.
LockedAttempts drain(std::int64_t epoch, const std::vector<std::int64_t>& attempts);

void maintain();
// Names of the tasks that nobody has run for too long.
std::vector<std::string> late_tasks();
// One batch of a task. True: there may be more to do.
bool run_task(const std::string& task);
void resolve_alert(const std::string& kind);
void raise_alert(const std::string& kind, const std::string& message, const std::string& hint);
void notify_listeners();

}  // namespace atelier::postgres::engine
