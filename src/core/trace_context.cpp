#include "core/trace_context.hpp"

#include <algorithm>
#include <array>

namespace atelier::core {
namespace {

bool is_hex(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

bool is_traceparent(std::string_view text) noexcept {
    constexpr std::size_t length = 55;
    constexpr std::array<std::size_t, 3> dashes{2, 35, 52};
    if (text.size() != length) return false;
    if (!std::all_of(dashes.begin(), dashes.end(), [&](std::size_t place) { return text[place] == '-'; })) return false;
    const std::string_view version = text.substr(0, 2);
    const std::string_view trace = text.substr(3, 32);
    const std::string_view parent = text.substr(36, 16);
    const auto is_nil = [](std::string_view id) { return id.find_first_not_of('0') == std::string_view::npos; };
    return is_hex(version) && is_hex(trace) && is_hex(parent) && is_hex(text.substr(53)) && version != "ff" &&
           !is_nil(trace) && !is_nil(parent);
}

}  // namespace atelier::core
