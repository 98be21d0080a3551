#include "wire/pace_frame.hpp"

#include <algorithm>
#include <limits>

#include "core/little_endian.hpp"

namespace atelier::wire {
namespace {

using core::Milliseconds;
using Number = std::uint64_t;

constexpr Number not_told = std::numeric_limits<Number>::max();
constexpr std::size_t head_bytes = 3 + 3 * sizeof(Number);
constexpr std::size_t limit_bytes = 1 + 4 * sizeof(Number);
constexpr Number most_retry_after = Number{24} * 60 * 60 * 1000;
constexpr Number most_window = Number{31} * 24 * 60 * 60 * 1000;
constexpr Number most_count = std::numeric_limits<std::int64_t>::max();

void put(std::string& payload, std::optional<Milliseconds> time) {
    core::put_little_endian(payload, time ? static_cast<Number>(time->count()) : not_told);
}

void put(std::string& payload, std::optional<Number> number) {
    core::put_little_endian(payload, number.value_or(not_told));
}

// Reads forward; a number over its most makes the whole payload worthless.
class Numbers {
  public:
    explicit Numbers(std::string_view payload) : payload_(payload) {}

    std::uint8_t byte(std::uint8_t most) {
        const auto value = static_cast<std::uint8_t>(payload_[at_++]);
        good_ &= value <= most;
        return value;
    }
    Number number(Number most) {
        const auto value = core::get_little_endian<Number>(payload_, at_);
        at_ += sizeof(Number);
        good_ &= value <= most;
        return value;
    }
    std::optional<Number> told(Number least, Number most) {
        const auto value = core::get_little_endian<Number>(payload_, at_);
        at_ += sizeof(Number);
        if (value == not_told) return std::nullopt;
        good_ &= value >= least && value <= most;
        return value;
    }
    std::optional<Milliseconds> time(Number least, Number most) {
        const auto value = told(least, most);
        if (!value || !good_) return std::nullopt;
        return Milliseconds{static_cast<std::int64_t>(*value)};
    }
    bool good() const { return good_; }

  private:
    std::string_view payload_;
    std::size_t at_ = 0;
    bool good_ = true;
};

}  // namespace

std::string encode_pace(const core::Pace& pace) {
    const std::size_t count = std::min(pace.limits.size(), core::max_axis_limits);
    std::string payload;
    payload.reserve(head_bytes + count * limit_bytes);
    payload.push_back(static_cast<char>(pace.kind));
    payload.push_back(pace.daily ? 1 : 0);
    payload.push_back(static_cast<char>(count));
    put(payload, pace.retry_after);
    core::put_little_endian(payload, pace.tokens);
    core::put_little_endian(payload, pace.images);
    for (std::size_t i = 0; i < count; ++i) {
        const core::AxisLimit& limit = pace.limits[i];
        payload.push_back(static_cast<char>(limit.axis));
        put(payload, limit.limit);
        put(payload, limit.remaining);
        put(payload, limit.reset);
        put(payload, limit.window);
    }
    return payload;
}

std::optional<core::Pace> decode_pace(std::string_view payload) {
    if (payload.size() < head_bytes) return std::nullopt;
    Numbers numbers(payload);
    core::Pace pace;
    pace.kind = static_cast<core::PaceKind>(numbers.byte(static_cast<std::uint8_t>(core::PaceKind::unknown)));
    pace.daily = numbers.byte(1) == 1;
    const std::size_t count = numbers.byte(core::max_axis_limits);
    if (!numbers.good() || payload.size() != head_bytes + count * limit_bytes) return std::nullopt;
    pace.retry_after = numbers.time(0, most_retry_after);
    pace.tokens = numbers.number(most_count);
    pace.images = numbers.number(most_count);
    for (std::size_t i = 0; i < count; ++i) {
        core::AxisLimit limit;
        limit.axis = static_cast<core::Axis>(numbers.byte(core::axis_count - 1));
        limit.limit = numbers.told(0, most_count);
        limit.remaining = numbers.told(0, most_count);
        limit.reset = numbers.time(0, most_window);
        limit.window = numbers.time(1, most_window);
        pace.limits.push_back(limit);
    }
    if (!numbers.good()) return std::nullopt;
    return pace;
}

}  // namespace atelier::wire
