#include "executor/paid_calls.hpp"

#include <algorithm>
#include <utility>

#include "executor/prepared_call.hpp"
#include "executor/spool_directory.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

constexpr std::size_t max_waiting = 10'000;
constexpr std::size_t max_reply_bytes = std::size_t{256} * 1024 * 1024;
constexpr std::size_t max_picture_body = std::size_t{64} * 1000 * 1000;
constexpr std::size_t max_text_body = std::size_t{4} * 1024 * 1024;
constexpr core::Milliseconds rest_while_closed{5000};
constexpr core::Milliseconds reopen_every{1000};
// Each may wait for a store; the pool does the work.
constexpr std::size_t most_preparing = 8;

// A call that nothing left of was refused by this side, or did not reach the other.
core::Pace pace_without_answer(const HttpEnd& end) {
    core::Pace pace = core::unheard();
    const core::PaceKind kind = core::pace_kind(end.reply.error().cls);
    if (end.body_left || kind == core::PaceKind::failed) pace.kind = kind;
    return pace;
}

}  // namespace

PaidCalls::PaidCalls(EventLoop& loop, TaskPool& pool, Stores& stores, PaidSettings settings, Handlers handlers)
    : loop_(loop),
      pool_(pool),
      stores_(stores),
      settings_(std::move(settings)),
      handlers_(std::move(handlers)),
      gate_(loop, pool_, settings_.spool_directory, {settings_.spool_limit}, handlers_.tell),
      http_(loop, max_reply_bytes),
      settler_(loop, pool_, stores_) {
    begin_adoption();
}

void PaidCalls::begin_adoption() {
    if (alone_) return;
    // What was left is read also while nothing can be written: settling it makes room on a full disk.
    if (!gate_.spool() && !open_spool_directory(settings_.spool_directory)) {
        loop_.at(core::now() + reopen_every, [this] { begin_adoption(); });
        return;
    }
    adoption_.emplace(
        loop_, settler_, settings_.spool_directory, [this] { return gate_.spool() ? gate_.spool()->id() : ""; },
        Adoption::Handlers{[this](Attempt attempt, const Answer& answer) { handlers_.answer(attempt, answer); },
                           handlers_.kept, handlers_.adopted, handlers_.tell});
}

void PaidCalls::admit(Attempt attempt, Order order) {
    const core::Instant intake = core::now();
    if (draining_ || waiting_.size() >= max_waiting) {
        return handlers_.answer(attempt, not_sent_answer({order.lease, false, core::Milliseconds{0}}));
    }
    Call call{std::move(order), intake};
    call.start_by_timer = loop_.at(start_by(call), [this, attempt] {
        waiting_.erase(std::find(waiting_.begin(), waiting_.end(), attempt));
        give_back(attempt);
    });
    calls_.emplace(attempt, std::move(call));
    waiting_.push_back(attempt);
    start_waiting();
}

// Why no such call may begin now. Asked when it would, since the answer may let in this one alone.
std::optional<std::string> PaidCalls::obstacle(const AiRequest& request) {
    if (auto reason = gate_.closed()) return reason;
    for (const InputPicture& input : request.inputs) {
        if (auto reason = stores_.unusable(input.object.store)) return reason;
        if (auto reason = stores_.unreadable(input.object.store, input.object.bucket)) return reason;
    }
    if (request.task != provider::Task::image) return std::nullopt;
    if (auto reason = stores_.unusable(request.output.store)) return reason;
    return stores_.closed(request.output.store, request.output.bucket);
}

// When nothing is held one is let through, however long it is.
void PaidCalls::start_waiting() {
    // An order that fails at once comes back here.
    if (std::exchange(starting_, true)) return;
    while (!waiting_.empty() && preparing_ < most_preparing && held_bytes_ < settings_.max_held_bytes) {
        const Attempt attempt = waiting_.front();
        waiting_.pop_front();
        loop_.cancel(calls_.at(attempt).start_by_timer);
        prepare(attempt);
    }
    starting_ = false;
}

void PaidCalls::prepare(Attempt attempt) {
    Call& call = calls_.at(attempt);
    const auto& request = std::get<AiRequest>(*call.order.request);
    if (const auto reason = obstacle(request)) return give_back(attempt, *reason);
    const ProviderConfig* config = providers_.find(request.provider);
    if (!config) {
        return fail(attempt, false,
                    {ErrorClass::invalid_request, "the provider \"" + request.provider + "\" is not configured"});
    }
    call.place = Place::preparing;
    call.kind = config->endpoint.kind;
    call.limits.connect = config->connect_timeout;
    call.limits.progress = config->progress_timeout;
    call.limits.max_body_bytes = request.task == provider::Task::image ? max_picture_body : max_text_body;
    ++preparing_;
    std::vector<ObjectRef> inputs;
    for (const InputPicture& input : request.inputs)
        inputs.push_back(input.object);
    call.fetching =
        fetch_all(loop_, stores_, std::move(inputs), {.max_bytes = PictureLimits{}.max_bytes, .until = deadline(call)},
                  [this, attempt, config = *config](StoreEnd<FetchedObjects> end) {
                      on_inputs(attempt, config, std::move(end));
                  });
}

void PaidCalls::on_inputs(Attempt attempt, const ProviderConfig& config, StoreEnd<FetchedObjects> inputs) {
    if (!inputs.result) {
        --preparing_;
        const Error& error = inputs.result.error();
        // What is wrong with a store is nothing that the lane of a provider could be paused for.
        if (error.cls == ErrorClass::auth) {
            give_back(attempt, error.message);
        } else {
            const bool is_of_store = error.cls == ErrorClass::rate_limited || error.cls == ErrorClass::overloaded;
            send(attempt, Error{is_of_store ? ErrorClass::storage_failed : error.cls, error.message});
        }
        return start_waiting();
    }
    const auto prepared = std::make_shared<PreparedCall>();
    const auto objects = std::make_shared<FetchedObjects>(std::move(*inputs.result));
    pool_.run([config, request = std::get<AiRequest>(*calls_.at(attempt).order.request), objects,
               prepared] { *prepared = prepare_call(config, request, *objects); },
              [this, attempt, prepared] {
                  --preparing_;
                  calls_.at(attempt).key = std::move(prepared->key);
                  send(attempt, std::move(prepared->request));
                  start_waiting();
              });
}

void PaidCalls::send(Attempt attempt, Result<provider::HttpRequest> request) {
    Call& call = calls_.at(attempt);
    if (call.cancelled) {
        return fail(attempt, false, {ErrorClass::cancelled, "cancelled before the request left"});
    }
    const core::Instant now = core::now();
    if (draining_ || now >= start_by(call)) return give_back(attempt);
    if (!request) return fail(attempt, false, request.error());
    call.limits.total = core::elapsed(now, deadline(call));
    hold(call, request->body.size());
    call.place = Place::calling;
    call.http = http_.start(std::move(*request), call.limits,
                            [this, attempt](HttpEnd end) { on_end(attempt, std::move(end)); });
}

void PaidCalls::on_end(Attempt attempt, HttpEnd end) {
    if (end.reply) return keep(attempt, std::move(*end.reply));
    Error error = end.reply.error();
    if (end.body_left) error.message += "; the call may be billed";
    if (!end.body_left && (draining_ || alone_)) return give_back(attempt);
    if (!end.body_left || !patience_over_) return fail(attempt, end.body_left, error, pace_without_answer(end));
    fail(attempt, true,
         {ErrorClass::outcome_unknown, "the executor had to end before the answer came; the call may be billed"});
}

bool PaidCalls::cancel(Attempt attempt) {
    const auto found = calls_.find(attempt);
    if (found == calls_.end()) {
        if (adoption_) adoption_->cancel(attempt);
        return false;
    }
    Call& call = found->second;
    switch (call.place) {
        case Place::queued:
            waiting_.erase(std::find(waiting_.begin(), waiting_.end(), attempt));
            fail(attempt, false, {ErrorClass::cancelled, "cancelled before the request left"});
            break;
        case Place::preparing:
            call.cancelled = true;
            if (const auto fetching = call.fetching.lock()) fetching->cancel();
            break;
        case Place::calling:
            http_.cancel(call.http);
            break;
        case Place::keeping:
            call.cancelled = true;
            break;
        case Place::settling:
            settler_.cancel(*call.settling);
            break;
    }
    return true;
}

void PaidCalls::settled(Attempt attempt) {
    // Segments are begun and removed there: on a disk that is slow to sync the loop must go on.
    run_on_spool([attempt](Spool& spool) { spool.settled(attempt); }, [this] { gate_.settled(); });
    if (adoption_) adoption_->settled(attempt);
}

void PaidCalls::drain() {
    if (draining_) return;
    draining_ = true;
    for (const Attempt attempt : std::exchange(waiting_, {}))
        give_back(attempt);
    for (const auto& [attempt, call] : calls_) {
        if (const auto fetching = call.fetching.lock()) fetching->cancel();
    }
    loop_.at(core::now() + settings_.drain_timeout, [this] { end_of_patience(); });
}

void PaidCalls::go_on_alone() {
    alone_ = true;
    if (adoption_) adoption_->stop();
    drain();
    leave_to_the_next();
}

void PaidCalls::end_of_patience() {
    patience_over_ = true;
    for (const auto& [attempt, call] : calls_) {
        if (call.place == Place::calling) http_.cancel(call.http);
    }
    leave_to_the_next();
}

AnswerHead PaidCalls::head_of(const Call& call, bool sent) const {
    return {call.order.lease, sent, core::elapsed(call.intake, core::now())};
}

// A worker that hears the answer needs no mark; whether it will is not known to one that is leaving.
void PaidCalls::give_back(Attempt attempt) {
    const Call& call = calls_.at(attempt);
    if (draining_) mark_not_sent(attempt, call.order.lease);
    finish(attempt, not_sent_answer(head_of(call, false)));
}

// The lane rests meanwhile.
void PaidCalls::give_back(Attempt attempt, const std::string& reason) {
    const Call& call = calls_.at(attempt);
    if (draining_) return give_back(attempt);
    finish(attempt, not_sent_answer(head_of(call, false), reason, rest_while_closed));
}

void PaidCalls::fail(Attempt attempt, bool sent, const Error& error, const core::Pace& pace) {
    const Call& call = calls_.at(attempt);
    finish(attempt, failed_answer(head_of(call, sent), error, {{}, {}, {}, pace}));
}

void PaidCalls::finish(Attempt attempt, const Answer& answer) {
    if (!alone_) handlers_.answer(attempt, answer);
    forget(attempt);
}

void PaidCalls::mark_not_sent(Attempt attempt, const Json& lease) {
    run_on_spool(
        [attempt, head = Json{{"lease", lease}}](Spool& spool) {
            // Without the mark the outcome counts as unknown: the safe side.
            static_cast<void>(spool.append(RecordType::not_sent, attempt, head, {}));
        },
        [] {});
}

void PaidCalls::run_on_spool(std::function<void(Spool& spool)> work, std::function<void()> done) {
    if (!gate_.spool()) return;
    ++spool_work_;
    pool_.run([spool = gate_.spool(), work = std::move(work)] { work(*spool); },
              [this, done = std::move(done)] {
                  --spool_work_;
                  done();
                  if (idle()) handlers_.idle();
              });
}

void PaidCalls::hold(Call& call, std::size_t bytes) {
    held_bytes_ = held_bytes_ - call.held_bytes + bytes;
    call.held_bytes = bytes;
}

void PaidCalls::forget(Attempt attempt) {
    const auto found = calls_.find(attempt);
    hold(found->second, 0);
    loop_.cancel(found->second.start_by_timer);
    loop_.cancel(found->second.patience);
    calls_.erase(found);
    start_waiting();
    if (idle()) handlers_.idle();
}

}  // namespace atelier::executor
