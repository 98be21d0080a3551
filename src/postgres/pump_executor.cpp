// The pump's half that faces the executor: answers, deaths, deadlines, log frames.

#include "postgres/pump.hpp"
#include "postgres/server_log.hpp"

namespace atelier::postgres {

namespace {

constexpr std::size_t log_frame_bytes = 16384;
constexpr std::size_t log_line_bytes = 1000;
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
    for (ReceivedAnswer& answer : events.answers)
        add_answer(std::move(answer));
    for (const std::string& frame : events.log_frames)
        log_frame(frame, now);
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
        lease_wanted_ = true;
        note_error("");
    }
    if (events.became_ready || events.death || events.start_failure || events.foreign_build) publish();
}

void Pump::add_answer(ReceivedAnswer received) {
    const std::optional<Order> order = in_flight_.take(received.attempt);
    const bool usable =
        received.payload.size() > 2 && received.payload.back() == '}' && core::is_storable_text(received.payload);
    if (order && !usable) {
        answer_for(received.attempt, *order, core::ErrorClass::invalid_output,
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
    lease_wanted_ = true;
    answer_bytes_ += received.payload.size();
    answers_.push_back({received.attempt, std::move(received.payload)});
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
    answer_bytes_ += payload.size();
    answers_.push_back({attempt, std::move(payload)});
    lease_wanted_ = true;
}

void Pump::expire(core::Instant now) {
    for (const std::int64_t attempt : in_flight_.overdue(now)) {
        cancel({attempt});
        if (const std::optional<Order> order = in_flight_.take(attempt)) {
            answer_for(attempt, *order, core::ErrorClass::timeout, "the executor did not answer in time");
        }
    }
}

void Pump::bury_executor(const ExecutorDeath& death) {
    give_back_unsent(death.unsent);
    const std::vector<std::int64_t> lost = in_flight_.attempts();
    const std::string message = "the executor ended: " + core::to_storable_text(death.how, 200);
    if (death.asked_for && lost.empty()) return;
    const std::string line = "pg_atelier executor ended with " + std::to_string(lost.size()) + " orders in flight";
    log_line(LogLevel::log, line.c_str(), death.how.c_str());
    for (const std::int64_t attempt : lost)
        in_flight_.take(attempt);
    if (!lost.empty()) releases_.push_back({lost, "worker_lost", !death.blameless, message});
    if (!death.asked_for) alert({"executor_restarted", message, "See the executor's log in the spool directory."});
}

void Pump::give_back_unsent(const std::vector<std::int64_t>& attempts) {
    std::vector<std::int64_t> known;
    for (const std::int64_t attempt : attempts) {
        if (in_flight_.take(attempt)) known.push_back(attempt);
    }
    if (!known.empty()) releases_.push_back({known, "not_sent", false, "the order did not leave the worker"});
}

void Pump::give_back_rest(const std::string& message) {
    const std::vector<std::int64_t> rest = in_flight_.attempts();
    for (const std::int64_t attempt : rest)
        in_flight_.take(attempt);
    if (!rest.empty()) releases_.push_back({rest, "worker_lost", false, message});
}

}  // namespace atelier::postgres
