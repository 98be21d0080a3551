// The half of the paid calls that begins with an answer: it is kept on disk, then settled.

#include <new>
#include <utility>
#include <vector>

#include "executor/paid_calls.hpp"
#include "executor/receipt.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;

constexpr core::Milliseconds rewrite_every{500};
// A store that is silent is heard of only after several tries, which may be later than the worker waits.
constexpr core::Milliseconds patience_with_store{1000};

// Runs in a thread of the pool: must not throw.
Result<SpoolPlace> keep_receipt(Spool& spool, Attempt attempt, Receipt& receipt, const std::string& key) {
    try {
        take_out_key(receipt, key);
        return spool.append(RecordType::receipt, attempt, receipt.head, receipt.body);
    } catch (const std::bad_alloc&) {
        return Error{ErrorClass::storage_failed, "memory ran out"};
    }
}

}  // namespace

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
    Call& call = calls_.at(attempt);
    call.writing = true;
    const auto kept = std::make_shared<Result<SpoolPlace>>(Error{ErrorClass::storage_failed, {}});
    pool_.run([spool = gate_.spool(), attempt, receipt = call.receipt, kept,
               key = call.key] { *kept = keep_receipt(*spool, attempt, *receipt, key); },
              [this, attempt, kept] { on_kept(attempt, std::move(*kept)); });
}

void PaidCalls::on_kept(Attempt attempt, Result<SpoolPlace> kept) {
    if (!kept) gate_.failed(kept.error());
    const auto found = calls_.find(attempt);
    // Answered while it was written once more.
    if (found == calls_.end()) return;
    Call& call = found->second;
    call.writing = false;
    if (kept) call.kept = std::move(*kept);
    if (call.place == Place::keeping) return settle(attempt);
    if (!call.kept) return;
    settler_.kept(*call.settling, *call.kept);
    if (call.slow) tell_kept(attempt);
    if (call.waits) unload(attempt);
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
    call.settling = settler_.run(call.receipt, call.kept,
                                 {[this, attempt](Answer answer) {
                                      // The worker counts it as done with its service since it was told.
                                      if (calls_.at(attempt).told_kept) answer.pace = core::unheard();
                                      finish(attempt, answer);
                                  },
                                  [this, attempt] { on_wait(attempt); }});
    if (call.cancelled) settler_.cancel(*call.settling);
    loop_.cancel(call.patience);
    call.patience = loop_.at(core::now() + patience_with_store, [this, attempt] { on_slow(attempt); });
    if (call.kept) call.receipt.reset();
}

void PaidCalls::on_slow(Attempt attempt) {
    Call& call = calls_.at(attempt);
    if (call.place != Place::settling) return;
    call.slow = true;
    if (call.kept) tell_kept(attempt);
}

// The store has not taken the picture.
void PaidCalls::on_wait(Attempt attempt) {
    Call& call = calls_.at(attempt);
    call.slow = call.waits = true;
    if (call.kept) {
        tell_kept(attempt);
        return unload(attempt);
    }
    if (patience_over_) {
        settler_.drop(*call.settling);
        return fail(attempt, true, {ErrorClass::storage_failed, "neither the store nor the spool takes the answer"});
    }
    // Being settled, the receipt must not be changed any more.
    if (!call.writing && call.receipt->redacted) write_receipt(attempt);
}

// From now on its deadline means nothing.
void PaidCalls::tell_kept(Attempt attempt) {
    if (!std::exchange(calls_.at(attempt).told_kept, true)) handlers_.kept(attempt);
}

// What waits on disk is not held in memory.
void PaidCalls::unload(Attempt attempt) {
    Call& call = calls_.at(attempt);
    call.receipt.reset();
    hold(call, 0);
    start_waiting();
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
        settler_.drop(*call.settling);
        if (call.kept) {
            forget(attempt);
        } else {
            call.place = Place::keeping;
            if (!call.writing) write_receipt(attempt);
        }
    }
}

}  // namespace atelier::executor
