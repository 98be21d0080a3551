#include "core/rate_window.hpp"

#include <algorithm>

namespace atelier::core {
namespace {

constexpr std::int64_t most_entries_of_span = 128;
constexpr int spans_kept = 16;
constexpr std::size_t most_entries = 512;

Instant leaves(Instant last, Milliseconds window) {
    return last + window + window / 100;
}

}  // namespace

void RateWindow::add(std::uint64_t amount, Instant now) {
    if (amount == 0) return;
    while (!entries_.empty() && (entries_.size() >= most_entries || entries_.front().last + spans_kept * span_ <= now))
        entries_.pop_front();
    if (!entries_.empty() && now - entries_.back().first < span_ / most_entries_of_span) {
        entries_.back().last = std::max(entries_.back().last, now);
        entries_.back().amount += amount;
    } else {
        entries_.push_back({now, now, amount});
    }
}

void RateWindow::take_back(std::uint64_t amount) {
    while (amount > 0 && !entries_.empty()) {
        const std::uint64_t taken = std::min(amount, entries_.back().amount);
        entries_.back().amount -= taken;
        amount -= taken;
        if (entries_.back().amount == 0) entries_.pop_back();
    }
}

void RateWindow::assume(std::uint64_t amount, Milliseconds window, Instant now) {
    entries_.clear();
    const auto places = std::min<std::uint64_t>(amount, most_entries_of_span);
    for (std::uint64_t i = 0; i < places; ++i) {
        const auto age =
            window * static_cast<std::int64_t>(2 * (places - i) - 1) / static_cast<std::int64_t>(2 * places);
        entries_.push_back({now - age, now - age, amount * (i + 1) / places - amount * i / places});
    }
}

std::uint64_t RateWindow::used(Milliseconds window, Instant now) const {
    std::uint64_t sum = 0;
    for (auto entry = entries_.rbegin(); entry != entries_.rend() && leaves(entry->last, window) > now; ++entry)
        sum += entry->amount;
    return sum;
}

Instant RateWindow::free_at(std::uint64_t most, Milliseconds window, Instant now) const {
    std::uint64_t sum = 0;
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
        sum += entry->amount;
        if (sum > most) return std::max(now, leaves(entry->last, window));
    }
    return now;
}

std::optional<Milliseconds> RateWindow::age_of(std::uint64_t count, Instant now) const {
    std::uint64_t sum = 0;
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
        sum += entry->amount;
        if (sum >= count) return elapsed(entry->first, now);
    }
    return std::nullopt;
}

}  // namespace atelier::core
