#include "executor/order_book.hpp"

#include <algorithm>

namespace atelier::executor {

Admission OrderBook::admit(Attempt attempt, std::size_t bytes) {
    if (entries_.contains(attempt)) return Admission::duplicate;
    if (draining_ || queue_.size() >= limits_.max_queued || bytes > limits_.max_queued_bytes - queued_bytes_) {
        return Admission::give_back;
    }
    entries_.emplace(attempt, Entry{Place::queued, bytes});
    queue_.push_back(attempt);
    queued_bytes_ += bytes;
    return Admission::queued;
}

std::optional<Attempt> OrderBook::start_next() {
    if (queue_.empty() || running_ >= limits_.max_running) return std::nullopt;
    const Attempt attempt = queue_.front();
    queue_.pop_front();
    Entry& entry = entries_.at(attempt);
    queued_bytes_ -= entry.bytes;
    entry.place = Place::running;
    ++running_;
    return attempt;
}

Stopped OrderBook::stop(Attempt attempt) {
    const auto found = entries_.find(attempt);
    if (found == entries_.end() || found->second.place == Place::stopping) return Stopped::unknown;
    if (found->second.place == Place::running) {
        found->second.place = Place::stopping;
        ++stopping_;
        return Stopped::was_running;
    }
    queued_bytes_ -= found->second.bytes;
    queue_.erase(std::find(queue_.begin(), queue_.end(), attempt));
    entries_.erase(found);
    return Stopped::was_queued;
}

void OrderBook::finish(Attempt attempt) {
    const auto found = entries_.find(attempt);
    if (found == entries_.end() || found->second.place == Place::queued) return;
    if (found->second.place == Place::stopping) --stopping_;
    --running_;
    entries_.erase(found);
}

std::vector<Attempt> OrderBook::drain() {
    draining_ = true;
    std::vector<Attempt> given_back(queue_.begin(), queue_.end());
    for (const Attempt attempt : given_back)
        entries_.erase(attempt);
    queue_.clear();
    queued_bytes_ = 0;
    return given_back;
}

}  // namespace atelier::executor
