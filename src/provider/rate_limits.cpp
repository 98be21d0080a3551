#include "provider/rate_limits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace atelier::provider {
namespace {

using core::Milliseconds;
using core::take_number;

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

bool has_some_left(const HttpAnswer& answer, std::string_view name) {
    auto text = find_header(answer, name);
    const auto left = text ? take_number(*text) : std::nullopt;
    return left && *left > 0;
}

}  // namespace

std::optional<Milliseconds> parse_duration(std::string_view text) {
    if (text.empty()) return std::nullopt;
    double sum = 0;
    while (!text.empty()) {
        const auto number = take_number(text);
        const auto unit = take_unit(text);
        if (!number || !unit) return std::nullopt;
        sum += *number * *unit;
    }
    return core::bounded_pause(sum);
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

std::optional<std::uint64_t> parse_count(std::string_view text) {
    std::uint64_t count = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, count);
    if (failure != std::errc() || stop != end || count > INT64_MAX) return std::nullopt;
    return count;
}

std::vector<core::AxisLimit> told_limits(const HttpAnswer& answer) {
    struct Row {
        std::string_view name;
        core::Axis axis;
    };
    static constexpr std::array<Row, core::axis_count> rows{
        {{"requests", core::Axis::requests}, {"tokens", core::Axis::tokens}, {"images", core::Axis::images}}};
    std::vector<core::AxisLimit> limits;
    for (const auto& [name, axis] : rows) {
        const auto said = [&, of = std::string(name)](const char* what) {
            return find_header(answer, "x-ratelimit-" + std::string(what) + "-" + of);
        };
        const auto reset = said("reset");
        const auto limit = said("limit");
        const auto remaining = said("remaining");
        core::AxisLimit told{axis, {}, {}, {}, {}};
        if (reset) told.reset = parse_duration(*reset);
        if (limit) told.limit = parse_count(*limit);
        if (remaining) told.remaining = parse_count(*remaining);
        if (told.reset && told.limit != 0 && (told.limit || told.remaining)) limits.push_back(told);
    }
    return limits;
}

}  // namespace atelier::provider
