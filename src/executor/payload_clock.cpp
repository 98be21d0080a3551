#include "executor/payload_clock.hpp"

#include <algorithm>
#include <cstring>

namespace atelier::executor {
namespace {

bool is_line_end(char c) noexcept {
    return c == '\n' || c == '\r';
}

bool is_white_space(char c) noexcept {
    return c == ' ' || c == '\t' || is_line_end(c);
}

}  // namespace

bool PayloadFilter::holds_payload(std::string_view bytes) noexcept {
    while (!bytes.empty()) {
        if (at_line_start_) in_comment_ = bytes.front() == ':';
        const auto line_end = std::find_if(bytes.begin(), bytes.end(), [this](char c) {
            return is_line_end(c) || (!in_comment_ && !is_white_space(c));
        });
        at_line_start_ = false;
        if (line_end == bytes.end()) return false;
        bytes.remove_prefix(static_cast<std::size_t>(line_end - bytes.begin()));
        if (!is_line_end(bytes.front())) {
            enter_last_line(bytes);
            return true;
        }
        at_line_start_ = true;
        bytes.remove_prefix(1);
    }
    return false;
}

// Once payload is found, only the last line of these bytes counts for the next ones: megabytes need not be looked at
// byte by byte.
void PayloadFilter::enter_last_line(std::string_view bytes) noexcept {
    const void* const last_lf = ::memrchr(bytes.data(), '\n', bytes.size());
    const void* const last_cr = ::memrchr(bytes.data(), '\r', bytes.size());
    const char* const last_end = static_cast<const char*>(std::max(last_lf, last_cr));
    if (last_end == nullptr) return;
    const char* const line = last_end + 1;
    at_line_start_ = line == bytes.data() + bytes.size();
    in_comment_ = !at_line_start_ && *line == ':';
}

PayloadClock::PayloadClock(const ClockLimits& limits, core::Instant start) noexcept
    : limits_(limits), total_deadline_(start + limits.total), phase_start_(start) {}

void PayloadClock::connected(core::Instant now) noexcept {
    connected_ = true;
    phase_start_ = now;
}

void PayloadClock::progressed(core::Instant now) noexcept {
    phase_start_ = now;
}

void PayloadClock::resume(core::Instant now) noexcept {
    paused_ = false;
    phase_start_ = now;
}

core::Instant PayloadClock::phase_deadline() const noexcept {
    if (paused_) return core::Instant::max();
    return phase_start_ + (connected_ ? limits_.progress : limits_.connect);
}

core::Instant PayloadClock::deadline() const noexcept {
    return std::min(total_deadline_, phase_deadline());
}

core::Instant PayloadClock::next_look(core::Instant now) const noexcept {
    // Connected in a moment, it has to progress from then on.
    return connected_ ? deadline() : std::min(deadline(), now + limits_.progress);
}

ClockKind PayloadClock::next() const noexcept {
    if (total_deadline_ <= phase_deadline()) return ClockKind::total;
    return connected_ ? ClockKind::progress : ClockKind::connect;
}

}  // namespace atelier::executor
