// The pump's half that faces the executor: answers, deaths, deadlines, log frames.

#include "core/pace_kind.hpp"
#include "postgres/pump.hpp"
#include "postgres/server_log.hpp"
#include "wire/pace_frame.hpp"

namespace atelier::postgres {

namespace {

constexpr std::size_t log_frame_bytes = 16384;
constexpr std::size_t log_line_bytes = 1000;
constexpr std::size_t alert_kind_bytes = 64;
constexpr int log_lines_a_minute = 100;

// The executor may be as talkative as it likes: the server log is not its file.
bool may_log(core::Instant now) {
    static core::Instant window{};
    static int lines = 0;
    if (now - window >= std::chrono::minutes{1}) {
        window = now;
        lines = 0;
    }
    if (++lines == log_lines_a_minute) {
        log_line(LogLevel::log, "pg_atelier executor says too much, the rest of this minute is left out");
    }
    return lines < log_lines_a_minute;
}

void log_frame(const std::string& payload, core::Instant now) {
    if (!may_log(now)) return;
    const auto json = core::parse_json(payload, {log_frame_bytes, 4}, core::ErrorClass::invalid_output);
    const std::string* message = json ? core::find_string(*json, "message") : nullptr;
    const std::string* level = json ? core::find_string(*json, "level") : nullptr;
    if (message == nullptr || level == nullptr) return;
    const std::string line = "pg_atelier executor: " + core::to_storable_text(*message, log_line_bytes);
    log_line(*level == "warning"  ? LogLevel::warning
             : *level == "debug1" ? LogLevel::debug
                                  : LogLevel::log,
             line.c_str());
}

}  // namespace

void Pump::take_events(LinkEvents events, core::Instant now) {
    heard_answers_ = !events.answers.empty() || !events.kept.empty();
    keep(events.kept, now);
    for (ReceivedAnswer& answer : events.answers)
        add_answer(std::move(answer), now);
    for (const std::string& frame : events.log_frames)
        log_frame(frame, now);
    for (const std::string& frame : events.alert_frames)
        take_alert(frame);
    if (events.adopted) adopted_after_ = answers_taken_;
    if (events.foreign_build) {
        const std::string message = "the installed executor is of build " +
                                    core::to_storable_text(*events.foreign_build, 64) + ", the loaded library of " +
                                    std::string(core::build_id());
        log_line(LogLevel::warning, "pg_atelier leases nothing: program and library are of different builds",
                 message.c_str(), "Restart PostgreSQL, so that it loads the installed library.");
        alert({"build_mismatch", message, "Restart PostgreSQL, so that it loads the installed library."});
        note_error(message);
    }
    if (events.start_failure) {
        const std::string message = core::to_storable_text(*events.start_failure, last_error_bytes - 1);
        if (message != report_.last_error) {
            log_line(LogLevel::warning, "pg_atelier has no executor", message.c_str(),
                     "Check pg_atelier.program_directory and the installation.");
            alert({"executor_missing", message, "Check pg_atelier.program_directory and the installation."});
        }
        note_error(message);
    }
    if (events.death) bury_executor(*events.death);
    if (events.became_ready) {
        providers_unsent_ = true;
        note_error("");
    }
    if (events.became_ready || events.death || events.start_failure || events.foreign_build) publish();
}

// Numbers of attempts come again when the extension is created anew or the database is set back to an earlier state. A
// receipt that was left from before is no answer to the order that has the same number now.
bool Pump::answers_another_lease(const ReceivedAnswer& received) const {
    const Order* order = in_flight_.find(received.attempt);
    const std::optional<std::int64_t> token = token_of(received.payload);
    return order != nullptr && token && token != token_of(order->lease);
}

bool Pump::judge_pace(const Order& order, const ReceivedAnswer& received, core::Instant now) {
    if (order.kept) return false;
    core::Pace pace;
    if (received.pace) pace = wire::decode_pace(*received.pace).value_or(core::unheard());
    return lanes_.ended(order.lane, order.round, pace, now);
}

void Pump::add_answer(ReceivedAnswer received, core::Instant now) {
    const std::optional<Order> order =
        answers_another_lease(received) ? std::nullopt : in_flight_.take(received.attempt);
    kept_receipts_.erase(received.attempt);
    if (order && !order->kept) queue_.vacate(order->tenant);
    const bool is_excused = order && judge_pace(*order, received, now);
    const bool usable =
        received.payload.size() > 2 && received.payload.back() == '}' && core::is_storable_text(received.payload);
    if (order && !usable) {
        answer_for(received.attempt, *order,
                   order->paid ? core::ErrorClass::outcome_unknown : core::ErrorClass::invalid_output,
                   "the executor's answer was no JSON text");
        return;
    }
    // An answer after its deadline changes nothing, but what it used is recorded and what it stored is deleted.
    if (!usable) return;
    // The worker knows the lease; an executor that could not read its order does not. Of two keys jsonb keeps the last.
    if (order && !order->lease.empty()) {
        received.payload.back() = ',';
        received.payload += "\"lease\":" + order->lease + '}';
    }
    // One that is not in flight comes from a receipt that another executor left, or late.
    Answer& answer = queue_answer(received.attempt, std::move(received.payload), !order || order->paid);
    answer.excused = is_excused;
    if (order && !order->kept) answer.tenant = order->tenant;
}

Pump::Answer& Pump::queue_answer(std::int64_t attempt, std::string payload, bool receipt) {
    answer_bytes_ += payload.size();
    return answers_.emplace_back(Answer{attempt, std::move(payload), ++answers_taken_, receipt});
}

void Pump::take_alert(const std::string& payload) {
    const auto json = core::parse_json(payload, {log_frame_bytes, 4}, core::ErrorClass::invalid_output);
    const std::string* kind = json ? core::find_string(*json, "kind") : nullptr;
    if (kind == nullptr || kind->empty()) return;
    Alert raised{core::to_storable_text(*kind, alert_kind_bytes), "", ""};
    const core::Json* resolved = core::find_member(*json, "resolved", core::Json::value_t::boolean);
    raised.resolved = resolved != nullptr && resolved->get<bool>();
    if (const std::string* message = core::find_string(*json, "message")) {
        raised.message = core::to_storable_text(*message, log_line_bytes);
    }
    if (const std::string* hint = core::find_string(*json, "hint")) {
        raised.hint = core::to_storable_text(*hint, log_line_bytes);
    }
    alert(std::move(raised));
}

void Pump::answer_for(std::int64_t attempt, const Order& order, core::ErrorClass error_class, const char* message) {
    const bool sent = error_class != core::ErrorClass::invalid_request;
    std::string payload = "{\"lease\":";
    payload += order.lease.empty() ? "{\"attempt\":" + std::to_string(attempt) + "}" : order.lease;
    payload += R"(,"outcome":"failed","sent":)";
    payload += sent ? "true" : "false";
    payload += R"(,"duration_ms":0,"error":{"class":")";
    payload += core::to_string(error_class);
    payload += R"(","message":")";
    payload += message;
    payload += "\"}}";
    queue_answer(attempt, std::move(payload), false);
}

void Pump::expire(core::Instant now) {
    // After a stall the answers may be there already, not read yet.
    if (heard_answers_ || !may_read()) return;
    for (const std::int64_t attempt : in_flight_.overdue(now)) {
        cancel({attempt});
        if (const std::optional<Order> order = withdraw(attempt)) {
            if (order->handled) {
                give_up_call(attempt, *order);
                continue;
            }
            answer_for(attempt, *order, order->paid ? core::ErrorClass::outcome_unknown : core::ErrorClass::timeout,
                       "the executor did not answer in time");
        }
    }
}

void Pump::bury_executor(const ExecutorDeath& death) {
    // What the executor that is gone had adopted says nothing of what it leaves itself. Its successor says anew what is
    // kept.
    adopted_after_.reset();
    draining_ |= !kept_receipts_.empty();
    kept_receipts_.clear();
    give_back_unsent(death.unsent);
    const std::size_t orders = in_flight_.size() - in_flight_.handled();
    const std::string message = "the executor ended: " + core::to_storable_text(death.how, 200);
    if (death.asked_for && orders == 0) return;
    const std::string line = "pg_atelier executor ended with " + std::to_string(orders) + " orders in flight, " +
                             std::to_string(in_flight_.paid()) + " of them paid";
    log_line(LogLevel::log, line.c_str(), death.how.c_str());
    std::vector<std::int64_t> lost;
    for (const std::int64_t attempt : in_flight_.attempts()) {
        if (in_flight_.find(attempt)->handled) continue;
        const Order order = *withdraw(attempt);
        (order.paid ? drains_ : lost).push_back(attempt);
        if (order.paid && !order.kept) add_draining(attempt, order);
    }
    if (!lost.empty()) releases_.push_back({lost, "worker_lost", !death.blameless, message});
    if (!death.asked_for) alert({"executor_restarted", message, "See the executor's log in the spool directory."});
}

void Pump::give_back_unsent(const std::vector<std::int64_t>& attempts) {
    std::vector<std::int64_t> known;
    for (const std::int64_t attempt : attempts) {
        if (withdraw(attempt)) known.push_back(attempt);
    }
    if (!known.empty()) releases_.push_back({known, "not_sent", false, "the order did not leave the worker"});
}

void Pump::give_back_rest(const std::string& message) {
    std::vector<std::int64_t> rest;
    for (const std::int64_t attempt : in_flight_.attempts())
        if (!withdraw(attempt)->paid) rest.push_back(attempt);
    if (!rest.empty()) releases_.push_back({rest, "worker_lost", false, message});
}

}  // namespace atelier::postgres
