#include "postgres/handler_timer.hpp"

#include "postgres/settings.hpp"

namespace atelier::postgres::handler_timer {

namespace {

constexpr int look_every_ms = 100;
constexpr std::int64_t to_obey_us = 2'000'000;
constexpr std::int64_t us_per_ms = 1000;

// The handler of the alarm reads and writes these, at any moment in which the timer is on.
const volatile HandlerSlot* watched = nullptr;
volatile TimestampTz deadline = 0;
volatile TimestampTz leave_at = 0;  // 0: nobody asked the process to leave
volatile TimestampTz cancelled_at = 0;
volatile CallEnd end = CallEnd::none;

TimeoutId timeout_id;

CallEnd judge(TimestampTz now) noexcept {
    // One word, which its writer writes at once: a lock cannot be taken here.
    switch (watched->stop) {
        case CallStop::cancelled:
            return CallEnd::cancelled;
        case CallStop::stopped:
            return CallEnd::given_back;
        case CallStop::none:
            break;
    }
    if (now >= deadline) return CallEnd::timed_out;
    if (!ShutdownRequestPending) return CallEnd::none;
    if (leave_at == 0) leave_at = now + settings::shutdown_wait_ms * us_per_ms;
    return now >= leave_at ? CallEnd::given_back : CallEnd::none;
}

void on_alarm() {
    const TimestampTz now = GetCurrentTimestamp();
    if (end == CallEnd::none) {
        end = judge(now);
        if (end == CallEnd::none) return;
        cancelled_at = now;
        QueryCancelPending = true;
        InterruptPending = true;
    } else if (now - cancelled_at >= to_obey_us) {
        ProcDiePending = true;
        InterruptPending = true;
    }
}

}  // namespace

void prepare(HandlerSlot& slot) {
    watched = &slot;
    timeout_id = RegisterTimeout(USER_TIMEOUT, on_alarm);
}

void start(std::int32_t timeout_ms) {
    const TimestampTz now = GetCurrentTimestamp();
    deadline = now + timeout_ms * us_per_ms;
    leave_at = 0;
    cancelled_at = 0;
    end = CallEnd::none;
    const std::int32_t first = std::clamp(timeout_ms, 1, look_every_ms);
    enable_timeout_every(timeout_id, now + first * us_per_ms, look_every_ms);
}

void stop() noexcept {
    disable_timeout(timeout_id, false);
}

CallEnd verdict() noexcept {
    return end;
}

}  // namespace atelier::postgres::handler_timer
