#include "executor/paid_calls.hpp"

#include <algorithm>
#include <new>
#include <thread>
#include <utility>

#include "executor/prepared_call.hpp"
#include "executor/receipt.hpp"
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
constexpr core::Milliseconds rewrite_every{500};

unsigned pool_threads() {
    return std::clamp(std::thread::hardware_concurrency(), 2U, 4U);
}

// Runs in a thread of the pool: must not throw.
Result<void> keep_receipt(Spool& spool, Attempt attempt, Receipt& receipt, const std::string& key) {
    try {
        take_out_key(receipt, key);
        return spool.append(RecordType::receipt, attempt, receipt.head, receipt.body);
    } catch (const std::bad_alloc&) {
        return Error{ErrorClass::storage_failed, "memory ran out"};
    }
}

}  // namespace

PaidCalls::PaidCalls(EventLoop& loop, PaidSettings settings, Handlers handlers)
    : loop_(loop),
      settings_(std::move(settings)),
      handlers_(std::move(handlers)),
      gate_(loop, pool_, settings_.spool_directory, {settings_.spool_limit}, handlers_.tell),
      http_(loop, max_reply_bytes),
      settler_(loop, pool_, settings_.store_directory),
      pool_(loop, pool_threads()) {
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
        Adoption::Handlers{[this](Attempt attempt, const std::string& answer) { handlers_.answer(attempt, answer); },
                           handlers_.adopted, handlers_.tell});
}

void PaidCalls::admit(Attempt attempt, Order order) {
    const core::Instant intake = core::now();
    const auto closed = gate_.closed();
    if (closed) {
        const AnswerHead head{order.lease, false, core::Milliseconds{0}};
        return handlers_.answer(attempt, not_sent_answer(head, *closed, rest_while_closed));
    }
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

// When nothing is held one is let through, however long it is.
void PaidCalls::start_waiting() {
    // An order that fails at once comes back here.
    if (std::exchange(starting_, true)) return;
    while (!waiting_.empty() && preparing_ < pool_threads() && held_bytes_ < settings_.max_held_bytes) {
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
    const auto prepared = std::make_shared<PreparedCall>();
    pool_.run([directory = settings_.store_directory, config = *config, request,
               prepared] { *prepared = prepare_call(directory, config, request); },
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
    const Error& error = end.reply.error();
    if (!end.body_left && (draining_ || alone_)) return give_back(attempt);
    if (!end.body_left || !patience_over_) return fail(attempt, end.body_left, error);
    fail(attempt, true,
         {ErrorClass::outcome_unknown, "the executor had to end before the answer came; the call may be billed"});
}

void PaidCalls::keep(Attempt attempt, HttpReply reply) {
    Call& call = calls_.at(attempt);
    call.place = Place::keeping;
    auto receipt = std::make_shared<Receipt>();
    receipt->head = receipt_head(call.order, call.kind, reply, core::elapsed(call.intake, core::now()));
    receipt->body = std::move(reply.body);
    hold(call, receipt->body.size());
    call.receipt = std::move(receipt);
    write_receipt(attempt);
}

void PaidCalls::write_receipt(Attempt attempt) {
    const Call& call = calls_.at(attempt);
    const auto kept = std::make_shared<Result<void>>();
    pool_.run([spool = gate_.spool(), attempt, receipt = call.receipt, kept,
               key = call.key] { *kept = keep_receipt(*spool, attempt, *receipt, key); },
              [this, attempt, kept] {
                  if (!*kept) gate_.failed(kept->error());
                  calls_.at(attempt).kept = kept->ok();
                  settle(attempt);
              });
}

void PaidCalls::settle(Attempt attempt) {
    Call& call = calls_.at(attempt);
    if (call.kept && (alone_ || patience_over_)) return forget(attempt);
    if (alone_) {
        if (patience_over_) return forget(attempt);
        loop_.at(core::now() + rewrite_every, [this, attempt] { write_receipt(attempt); });
        return;
    }
    call.place = Place::settling;
    const core::Instant give_up = patience_over_ ? core::now() : deadline(call);
    settler_.run(call.receipt, give_up, [this, attempt](const std::string& answer) {
        const auto found = calls_.find(attempt);
        if (found != calls_.end() && found->second.place == Place::settling) finish(attempt, answer);
    });
}

// A store that refuses now may not do so later, and who comes next has the receipt. What is not on disk yet is written
// once more.
void PaidCalls::leave_to_the_next() {
    std::vector<Attempt> settling;
    for (const auto& [attempt, call] : calls_) {
        if (call.place == Place::settling) settling.push_back(attempt);
    }
    for (const Attempt attempt : settling) {
        Call& call = calls_.at(attempt);
        if (call.kept) {
            forget(attempt);
        } else {
            call.place = Place::keeping;
            write_receipt(attempt);
        }
    }
}

bool PaidCalls::cancel(Attempt attempt) {
    const auto found = calls_.find(attempt);
    if (found == calls_.end()) return false;
    Call& call = found->second;
    switch (call.place) {
        case Place::queued:
            waiting_.erase(std::find(waiting_.begin(), waiting_.end(), attempt));
            fail(attempt, false, {ErrorClass::cancelled, "cancelled before the request left"});
            break;
        case Place::preparing:
            call.cancelled = true;
            break;
        case Place::calling:
            http_.cancel(call.http);
            break;
        case Place::keeping:
        case Place::settling:
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

void PaidCalls::fail(Attempt attempt, bool sent, const Error& error) {
    const Call& call = calls_.at(attempt);
    finish(attempt, failed_answer(head_of(call, sent), error));
}

void PaidCalls::finish(Attempt attempt, const std::string& answer) {
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
    calls_.erase(found);
    start_waiting();
    if (idle()) handlers_.idle();
}

}  // namespace atelier::executor
