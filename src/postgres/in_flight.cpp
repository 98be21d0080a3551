#include "postgres/in_flight.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace atelier::postgres {

namespace {

std::size_t skip_space(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r'))
        ++at;
    return at;
}

// Length of the JSON object that `text` starts with; 0 when it does not end.
std::size_t object_length(std::string_view text) noexcept {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{') {
            ++depth;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

}  // namespace

std::string_view lease_of_order(std::string_view order) noexcept {
    constexpr std::string_view key = "\"lease\"";
    std::size_t at = skip_space(order, 0);
    if (at >= order.size() || order[at] != '{') return {};
    at = skip_space(order, at + 1);
    if (order.substr(at, key.size()) != key) return {};
    at = skip_space(order, at + key.size());
    if (at >= order.size() || order[at] != ':') return {};
    at = skip_space(order, at + 1);
    if (at >= order.size() || order[at] != '{') return {};
    return order.substr(at, object_length(order.substr(at)));
}

std::optional<std::int64_t> token_of(std::string_view lease_or_answer) noexcept {
    // Not inside of a string, where the quote before the colon would be escaped.
    constexpr std::string_view key = "\"token\":";
    const std::size_t found = lease_or_answer.find(key);
    if (found == std::string_view::npos) return std::nullopt;
    const std::string_view rest = lease_or_answer.substr(skip_space(lease_or_answer, found + key.size()));
    std::int64_t token = 0;
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), token);
    return read.ec == std::errc() ? std::optional(token) : std::nullopt;
}

void InFlight::add(std::int64_t attempt, Order order) {
    if (orders_.empty() || order.deadline < earliest_) earliest_ = order.deadline;
    take(attempt);
    if (order.paid) ++paid_;
    if (order.handled) ++handled_;
    orders_.emplace(attempt, std::move(order));
}

std::optional<Order> InFlight::take(std::int64_t attempt) {
    const auto found = orders_.find(attempt);
    if (found == orders_.end()) return std::nullopt;
    std::optional<Order> order(std::move(found->second));
    orders_.erase(found);
    if (order->kept) --kept_;
    if (order->paid) --paid_;
    if (order->handled) --handled_;
    return order;
}

const Order* InFlight::find(std::int64_t attempt) const {
    const auto found = orders_.find(attempt);
    return found == orders_.end() ? nullptr : &found->second;
}

bool InFlight::keep(std::int64_t attempt) {
    const auto found = orders_.find(attempt);
    if (found == orders_.end()) return false;
    Order& order = found->second;
    order.deadline = core::Instant::max();
    if (!std::exchange(order.kept, true)) ++kept_;
    return true;
}

void InFlight::set_deadline(std::int64_t attempt, core::Instant deadline) {
    const auto found = orders_.find(attempt);
    if (found == orders_.end()) return;
    found->second.deadline = deadline;
    earliest_ = std::min(earliest_, deadline);
}

std::vector<std::int64_t> InFlight::attempts() const {
    std::vector<std::int64_t> all;
    all.reserve(orders_.size());
    for (const auto& entry : orders_)
        all.push_back(entry.first);
    return all;
}

std::optional<core::Instant> InFlight::next_deadline() const noexcept {
    if (orders_.empty()) return std::nullopt;
    return earliest_;
}

std::vector<std::int64_t> InFlight::overdue(core::Instant now) {
    std::vector<std::int64_t> late;
    if (orders_.empty() || now < earliest_) return late;
    core::Instant next = core::Instant::max();
    for (const auto& [attempt, order] : orders_) {
        if (order.deadline <= now) {
            late.push_back(attempt);
        } else {
            next = std::min(next, order.deadline);
        }
    }
    earliest_ = next;
    return late;
}

}  // namespace atelier::postgres
