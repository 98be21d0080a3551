#include "provider/pacific_time.hpp"

#include <gtest/gtest.h>

namespace atelier::provider {
namespace {

using namespace std::chrono;

sys_seconds at(int y, unsigned m, unsigned d, int h, int min = 0, int s = 0) {
    return sys_days{year{y} / month{m} / day{d}} + hours{h} + minutes{min} + seconds{s};
}

TEST(PacificTime, MidnightInCalifornia) {
    struct Row {
        const char* name;
        sys_seconds now;
        sys_seconds midnight;
    };
    const Row rows[] = {
        {"winter", at(2026, 1, 15, 12), at(2026, 1, 16, 8)},
        {"winter, the day before in California", at(2026, 1, 15, 7, 59, 59), at(2026, 1, 15, 8)},
        {"at midnight the next one counts", at(2026, 1, 15, 8), at(2026, 1, 16, 8)},
        {"summer", at(2026, 7, 4, 12), at(2026, 7, 5, 7)},
        {"summer, before midnight", at(2026, 7, 4, 6, 59, 59), at(2026, 7, 4, 7)},
        {"summer, between 7:00 and 8:00", at(2026, 7, 4, 7, 30), at(2026, 7, 5, 7)},
        {"spring: the last day of winter time", at(2026, 3, 7, 20), at(2026, 3, 8, 8)},
        {"spring: a day of 23 h", at(2026, 3, 8, 8), at(2026, 3, 9, 7)},
        {"spring: after 2:00", at(2026, 3, 8, 12), at(2026, 3, 9, 7)},
        {"autumn: the last day of summer time", at(2026, 10, 31, 20), at(2026, 11, 1, 7)},
        {"autumn: a day of 25 h", at(2026, 11, 1, 7), at(2026, 11, 2, 8)},
        {"autumn: after 2:00", at(2026, 11, 1, 12), at(2026, 11, 2, 8)},
        {"March that begins on a Sunday", at(2026, 3, 1, 12), at(2026, 3, 2, 8)},
        {"March that begins on a Monday", at(2027, 3, 14, 9), at(2027, 3, 15, 7)},
        {"November that begins on a Monday", at(2027, 11, 7, 8), at(2027, 11, 8, 8)},
        {"the end of a year", at(2026, 12, 31, 23), at(2027, 1, 1, 8)},
        {"a leap day", at(2028, 2, 28, 12), at(2028, 2, 29, 8)},
    };
    for (const Row& row : rows)
        EXPECT_EQ(until_pacific_midnight(row.now), duration_cast<milliseconds>(row.midnight - row.now)) << row.name;
}

TEST(PacificTime, AlwaysAheadAndNeverMoreThanADay) {
    int long_days = 0;
    for (sys_seconds now = at(2026, 1, 1, 0); now < at(2036, 1, 1, 0); now += minutes{20}) {
        const auto rest = until_pacific_midnight(now);
        ASSERT_GT(rest, milliseconds{0});
        ASSERT_LE(rest, hours{25});
        if (rest == hours{25}) ++long_days;
    }
    EXPECT_EQ(long_days, 10);
}

}  // namespace
}  // namespace atelier::provider
