#include "core/error_class.hpp"

#include <array>
#include <cstddef>

namespace atelier::core {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 14> words{
    "rate_limited",    "overloaded",      "network",     "timeout",   "outcome_unknown",
    "content_blocked", "invalid_request", "auth",        "no_credit", "no_output",
    "invalid_output",  "storage_failed",  "worker_lost", "cancelled",
};
static_assert(words.size() == static_cast<std::size_t>(ErrorClass::cancelled) + 1);

}  // namespace

std::string_view to_string(ErrorClass error_class) noexcept {
    return words[static_cast<std::size_t>(error_class)];
}

std::optional<ErrorClass> error_class_from_string(std::string_view word) noexcept {
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == word) return static_cast<ErrorClass>(i);
    }
    return std::nullopt;
}

}  // namespace atelier::core
