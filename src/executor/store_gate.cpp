#include "executor/store_gate.hpp"

#include <algorithm>

namespace atelier::executor {
namespace {

constexpr core::Milliseconds first_pause{250};
constexpr core::Milliseconds longest_pause{10'000};
// Whoever has the turn may have the object still to make, or be cancelled.
constexpr core::Milliseconds patience{30'000};

}  // namespace

StoreGate::~StoreGate() {
    loop_.cancel(timer_);
}

bool StoreGate::admits(core::Instant now) {
    if (!failure_) return true;
    if (!waiting_.empty() || now < (trying_ ? turn_ends_ : next_try_)) return false;
    trying_ = true;
    turn_ends_ = now + patience;
    return true;
}

void StoreGate::failed(const core::Error& error, core::Instant first_tried, core::Instant now) {
    if (!failure_ && last_worked_ > first_tried) return;
    // Those that were under way when it closed say nothing new.
    if (failure_ && !trying_) return;
    pause_ = failure_ ? std::min(2 * pause_, longest_pause) : first_pause;
    failure_ = error.message;
    trying_ = false;
    next_try_ = now + pause_;
    schedule();
}

void StoreGate::worked(core::Instant now) {
    last_worked_ = now;
    open();
}

void StoreGate::knock() {
    trying_ = false;
    next_try_ = core::Instant{};
    schedule();
}

void StoreGate::open() {
    failure_.reset();
    trying_ = false;
    schedule();
}

StoreGate::WaiterId StoreGate::wait(std::function<void()> go) {
    waiting_.emplace_back(++last_id_, std::move(go));
    schedule();
    return last_id_;
}

void StoreGate::leave(WaiterId id) {
    std::erase_if(waiting_, [id](const auto& waiter) { return waiter.first == id; });
}

void StoreGate::schedule() {
    loop_.cancel(timer_);
    if (waiting_.empty()) return;
    const core::Instant when = !failure_ ? core::Instant{} : trying_ ? turn_ends_ : next_try_;
    timer_ = loop_.at(when, [this] { give_turn(); });
}

// All go once it is open, one while it is closed.
void StoreGate::give_turn() {
    if (waiting_.empty()) return;
    const auto go = std::move(waiting_.front().second);
    waiting_.pop_front();
    trying_ = failure_.has_value();
    turn_ends_ = core::now() + patience;
    schedule();
    go();
}

}  // namespace atelier::executor
