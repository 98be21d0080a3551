// The pump's half that faces the handler processes: which call begins where, and what became of those that ended.

#include "postgres/pump.hpp"
#include "postgres/settings.hpp"

namespace atelier::postgres {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds handler_grace{10};  // the process's own clock goes first
constexpr std::chrono::seconds look_every{5};
constexpr std::size_t lease_bytes = 4096;

// What the lease of an order names.
std::optional<PooledCall> read_call(const Order& order, std::int64_t attempt, std::int32_t timeout_ms) {
    const auto json = core::parse_json(order.lease, {lease_bytes, 4}, core::ErrorClass::invalid_request);
    const std::string* job = json ? core::find_string(*json, "job") : nullptr;
    const std::optional<std::int64_t> token = token_of(order.lease);
    if (job == nullptr || !token) return std::nullopt;
    PooledCall call{attempt, order.lane, *token, {}, timeout_ms};
    std::size_t digits = 0;
    for (const char c : *job) {
        if (c == '-') continue;
        const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0 || digits == 2 * call.job.size()) return std::nullopt;
        unsigned char& byte = call.job[digits++ / 2];
        byte = static_cast<unsigned char>(byte << 4 | value);
    }
    if (digits != 2 * call.job.size()) return std::nullopt;
    return call;
}

HandlerCallOrder order_of(const PooledCall& call, std::int64_t epoch) noexcept {
    HandlerCallOrder order{epoch, call.attempt, call.token, {}, call.timeout_ms};
    std::memcpy(order.job.data, call.job.data(), sizeof order.job.data);
    return order;
}

}  // namespace

int Pump::most_handlers() const {
    // One whose function cannot be ended takes a place that others should have.
    return std::min(max_handlers, settings::handlers + static_cast<int>(stuck_.size()));
}

void Pump::send_call(std::int64_t attempt, std::int32_t timeout_ms, Order order, core::Instant now) {
    const std::optional<PooledCall> call = read_call(order, attempt, timeout_ms);
    if (!call) {
        answer_for(attempt, order, core::ErrorClass::invalid_request, "the lease cannot be read");
        return;
    }
    // Its time begins with the process.
    order.deadline = core::Instant::max();
    order.handled = true;
    order.round = lanes_.begun(order.lane, now);
    queue_.occupy(order.tenant);
    in_flight_.add(attempt, std::move(order));
    calls_.add(*call);
}

void Pump::serve_handlers(core::Instant now) {
    const std::vector<HandlerProcesses::Ended> all_ended = processes_.take_ended();
    for (const HandlerProcesses::Ended& ended : all_ended) {
        stuck_.erase(ended.process);
        if (const std::optional<PooledCall> call = calls_.ended(ended.process)) end_call(*call, ended, now);
    }
    // What is in flight no more is nothing that the launcher should see this worker move for.
    if (!all_ended.empty()) publish();
    if (calls_.empty() && !handlers_seen_) return;
    processes_.bury(now);
    begin_calls(now);
    const HandlerProcesses::Census census = processes_.count();
    // Those that run are not hurried: whoever has nothing to do leaves first.
    const auto over = static_cast<std::size_t>(std::max(0, census.all - most_handlers()));
    for (std::size_t i = 0; i < std::min(over, census.idle.size()); ++i)
        processes_.dismiss(census.idle[i].process);
    handlers_seen_ = census.all > 0;
}

void Pump::begin_calls(core::Instant now) {
    if (!leasing_) return;
    HandlerProcesses::Census census = processes_.count();
    const HandlerPlan plan = calls_.plan(std::move(census.idle), census.coming, census.all, most_handlers());
    for (const auto& [process, call] : plan.begin) {
        if (processes_.give(process, call.lane, order_of(call, epoch_))) {
            in_flight_.set_deadline(call.attempt, now + milliseconds{call.timeout_ms} + handler_grace);
        } else {
            calls_.ended(process);
            calls_.add(call);
        }
    }
    for (const int process : plan.dismiss)
        processes_.dismiss(process);
    for (int i = 0; i < plan.start && start_handler(now); ++i) {
    }
}

bool Pump::start_handler(core::Instant now) {
    bool complain = false;
    if (processes_.start(now, &complain)) return true;
    if (complain) {
        alert({"no_handler_process", "no process is free to run the functions of pipelines",
               "Increase max_worker_processes, or lower pg_atelier.handlers; it is tried again each second."});
    }
    return false;
}

void Pump::end_call(const PooledCall& call, const HandlerProcesses::Ended& ended, core::Instant now) {
    const Order* known = in_flight_.find(call.attempt);
    if (known == nullptr) return;  // it was given up
    const bool undone = ended.end == CallEnd::given_back || ended.end == CallEnd::void_lease;
    if (ended.end == CallEnd::lost || undone) {
        (void)withdraw(call.attempt);
        const bool lost = ended.end == CallEnd::lost;
        releases_.push_back({{call.attempt}, lost ? "worker_lost" : "not_sent", lost, ended.message});
        return;
    }
    const Order order = *in_flight_.take(call.attempt);
    queue_.vacate(order.tenant);
    lanes_.ended(order.lane, order.round, core::Pace{}, now);
    if (ended.end == CallEnd::succeeded) {
        report_.settled++;
        notify_wanted_ = true;
        slot_.settled();
        return;
    }
    const char* error_class = ended.end == CallEnd::timed_out   ? "timeout"
                              : ended.end == CallEnd::cancelled ? "cancelled"
                                                                : "handler_failed";
    fail_call(call.attempt, order, error_class, ended);
}

void Pump::fail_call(std::int64_t attempt, const Order& order, const char* error_class,
                     const HandlerProcesses::Ended& ended) {
    core::Json error = {{"class", error_class}, {"message", ended.message}};
    std::string payload = "{\"lease\":" + order.lease;
    payload += R"(,"outcome":"failed","sent":true,"duration_ms":)" + std::to_string(ended.duration_ms);
    payload += ",\"error\":" + error.dump() + '}';
    queue_answer(attempt, std::move(payload), false).tenant = order.tenant;
}

bool Pump::cancel_call(std::int64_t attempt) {
    const Order* order = in_flight_.find(attempt);
    if (order == nullptr || !order->handled) return false;
    if (const std::optional<int> process = calls_.process_of(attempt)) {
        processes_.stop(*process, CallStop::cancelled);
    } else if (calls_.withdraw(attempt)) {
        const Order mine = *withdraw(attempt);
        fail_call(attempt, mine, "cancelled", {0, CallEnd::cancelled, 0, "the job was cancelled"});
    }
    return true;
}

// The process has not ended what its clock should have ended.
void Pump::give_up_call(std::int64_t attempt, const Order& order) {
    const std::optional<int> process = calls_.process_of(attempt);
    if (!process) return;
    processes_.stop(*process, CallStop::stopped);
    stuck_.insert(*process);
    const std::string message = "a function of a pipeline cannot be ended; its attempt " + std::to_string(attempt) +
                                " is given up, and its process with it";
    alert({"handler_stuck", message,
           "SELECT pid FROM atelier.handlers shows the process; functions in trusted languages can be ended."});
    fail_call(attempt, order, "timeout", {*process, CallEnd::timed_out, 0, "the function could not be ended"});
}

// The worker is seen to live while it waits for a long call.
core::Instant Pump::next_handler_action(core::Instant now) const {
    if (calls_.empty()) return core::Instant::max();
    const core::Instant start_at = processes_.start_at(now);
    return start_at > now ? std::min(now + look_every, start_at) : now + look_every;
}

void Pump::give_back_unbegun() {
    std::vector<std::int64_t> unbegun = calls_.waiting();
    for (const std::int64_t attempt : unbegun)
        calls_.withdraw(attempt);
    for (int process = 0; process < max_handlers; ++process) {
        const PooledCall* call = calls_.call_of(process);
        if (call == nullptr || !processes_.take_back(process)) continue;
        unbegun.push_back(call->attempt);
        calls_.ended(process);
    }
    give_back_unsent(unbegun);
}

}  // namespace atelier::postgres
