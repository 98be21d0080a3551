#include "provider/rate_limits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>

namespace atelier::provider {
namespace {

using core::Milliseconds;

// Cuts an unsigned decimal number off the front: digits, perhaps a fraction; no sign, no exponent, no "nan".
std::optional<double> take_number(std::string_view& text) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    double number = 0;
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (failure != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

Milliseconds bounded(double milliseconds) {
    const auto most = static_cast<double>(max_retry_after.count());
    return Milliseconds(static_cast<std::int64_t>(std::clamp(milliseconds, 0.0, most)));
}

std::optional<Milliseconds> parse_number(std::string_view text, double unit_in_milliseconds) {
    const auto number = take_number(text);
    if (!number || !text.empty()) return std::nullopt;
    return bounded(*number * unit_in_milliseconds);
}

// Cuts a unit off the front; its length in milliseconds.
std::optional<double> take_unit(std::string_view& text) {
    struct Unit {
        std::string_view name;
        double milliseconds;
    };
    // "m" last but for those that it begins.
    static constexpr std::array<Unit, 8> units{{{"ms", 1},
                                                {"h", 3'600'000},
                                                {"m", 60'000},
                                                {"s", 1000},
                                                {"us", 1e-3},
                                                {"\xC2\xB5s", 1e-3},
                                                {"\xCE\xBCs", 1e-3},
                                                {"ns", 1e-6}}};
    for (const Unit& unit : units) {
        if (!text.starts_with(unit.name)) continue;
        text.remove_prefix(unit.name.size());
        return unit.milliseconds;
    }
    return std::nullopt;
}

// IMF-fixdate of RFC 9110 section 5.6.7; the two obsolete forms are not read.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
    std::istringstream in{std::string(text)};
    in.imbue(std::locale::classic());
    std::tm parts{};
    in >> std::get_time(&parts, "%a, %d %b %Y %H:%M:%S GMT");
    if (in.fail()) return std::nullopt;
    using namespace std::chrono;
    const year_month_day date{year(parts.tm_year + 1900), month(static_cast<unsigned>(parts.tm_mon + 1)),
                              day(static_cast<unsigned>(parts.tm_mday))};
    if (!date.ok()) return std::nullopt;
    return sys_days(date) + hours(parts.tm_hour) + minutes(parts.tm_min) + seconds(parts.tm_sec);
}

std::optional<Milliseconds> until_date(const HttpAnswer& answer, std::string_view text) {
    const auto then = parse_http_date(text);
    const auto sent = find_header(answer, "date");
    const auto now = sent ? parse_http_date(*sent) : std::nullopt;
    if (!then || !now) return std::nullopt;
    return std::clamp<Milliseconds>(*then - *now, Milliseconds(0), max_retry_after);
}

bool has_some_left(const HttpAnswer& answer, std::string_view name) {
    auto text = find_header(answer, name);
    const auto left = text ? take_number(*text) : std::nullopt;
    return left && *left > 0;
}

}  // namespace

std::optional<std::string_view> find_header(const HttpAnswer& answer, std::string_view name) {
    for (const auto& header : answer.headers) {
        if (header.first == name) return header.second;
    }
    return std::nullopt;
}

std::optional<Milliseconds> parse_duration(std::string_view text) {
    if (text.empty()) return std::nullopt;
    double sum = 0;
    while (!text.empty()) {
        const auto number = take_number(text);
        const auto unit = take_unit(text);
        if (!number || !unit) return std::nullopt;
        sum += *number * *unit;
    }
    return bounded(sum);
}

std::optional<Milliseconds> retry_after(const HttpAnswer& answer) {
    if (const auto text = find_header(answer, "retry-after-ms")) {
        if (const auto pause = parse_number(*text, 1)) return pause;
    }
    const auto text = find_header(answer, "retry-after");
    if (!text) return std::nullopt;
    const auto pause = parse_number(*text, 1000);
    return pause ? pause : until_date(answer, *text);
}

std::optional<Milliseconds> limit_reset(const HttpAnswer& answer) {
    std::optional<Milliseconds> exhausted;
    std::optional<Milliseconds> any;
    for (const std::string_view what : {"requests", "tokens"}) {
        const auto text = find_header(answer, "x-ratelimit-reset-" + std::string(what));
        const auto reset = text ? parse_duration(*text) : std::nullopt;
        if (!reset) continue;
        any = std::max(any, reset);
        if (!has_some_left(answer, "x-ratelimit-remaining-" + std::string(what)))
            exhausted = std::max(exhausted, reset);
    }
    return exhausted ? exhausted : any;
}

}  // namespace atelier::provider
