#include "core/http_fields.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>

namespace atelier::core {
namespace {

std::optional<Milliseconds> until_date(const HttpAnswer& answer, std::string_view text) {
    const auto then = parse_http_date(text);
    const auto sent = find_header(answer, "date");
    const auto now = sent ? parse_http_date(*sent) : std::nullopt;
    if (!then || !now) return std::nullopt;
    return std::clamp<Milliseconds>(*then - *now, Milliseconds(0), max_retry_after);
}

}  // namespace

std::optional<std::string_view> find_header(const HttpAnswer& answer, std::string_view name) {
    for (const auto& header : answer.headers) {
        if (header.first == name) return header.second;
    }
    return std::nullopt;
}

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

std::optional<Milliseconds> retry_after(const HttpAnswer& answer) {
    if (const auto text = find_header(answer, "retry-after-ms")) {
        if (const auto pause = parse_pause(*text, 1)) return pause;
    }
    const auto text = find_header(answer, "retry-after");
    if (!text) return std::nullopt;
    const auto pause = parse_pause(*text, 1000);
    return pause ? pause : until_date(answer, *text);
}

std::optional<double> take_number(std::string_view& text) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    double number = 0;
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (failure != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

std::optional<Milliseconds> parse_pause(std::string_view text, double unit_in_milliseconds) {
    const auto number = take_number(text);
    if (!number || !text.empty()) return std::nullopt;
    return bounded_pause(*number * unit_in_milliseconds);
}

Milliseconds bounded_pause(double milliseconds) {
    const auto most = static_cast<double>(max_retry_after.count());
    return Milliseconds(static_cast<std::int64_t>(std::clamp(milliseconds, 0.0, most)));
}

}  // namespace atelier::core
