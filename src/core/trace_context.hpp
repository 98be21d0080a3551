#pragma once
// Traces as W3C Trace Context has them (https://www.w3.org/TR/trace-context/).

#include <string_view>

namespace atelier::core {

// Whether it is a traceparent of 55 characters: version-trace-parent-flags in lower-case hexadecimal digits, neither
// version ff nor a trace or parent of zeros.
bool is_traceparent(std::string_view text) noexcept;

}  // namespace atelier::core
