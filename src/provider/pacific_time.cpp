#include "provider/pacific_time.hpp"

namespace atelier::provider {
namespace {

using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::sys_seconds;

constexpr std::chrono::hours winter{-8};
constexpr std::chrono::hours summer{-7};

local_days sunday(std::chrono::year year, std::chrono::month month, unsigned nth) noexcept {
    return local_days{year / month / std::chrono::Sunday[nth]};
}

// What is to be added to UTC at the moment when this day begins there: no change comes before 2:00.
std::chrono::hours offset_at_midnight(local_days day) noexcept {
    const auto year = std::chrono::year_month_day{day}.year();
    const bool is_summer = day > sunday(year, std::chrono::March, 2) && day <= sunday(year, std::chrono::November, 1);
    return is_summer ? summer : winter;
}

sys_seconds begin_of(local_days day) noexcept {
    return sys_seconds{day.time_since_epoch()} - offset_at_midnight(day);
}

}  // namespace

core::Milliseconds until_pacific_midnight(sys_seconds now) noexcept {
    // In winter time it is the day there that it is, or the one before.
    auto day = std::chrono::floor<std::chrono::days>(local_seconds{now.time_since_epoch()} + winter);
    while (begin_of(day) <= now)
        day += std::chrono::days{1};
    return begin_of(day) - now;
}

}  // namespace atelier::provider
