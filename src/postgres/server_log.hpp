#pragma once
// Lines in the server log, from C++. Never throws and never fails: a line that cannot be written is lost.

namespace atelier::postgres {

enum class LogLevel { debug, log, warning };

void log_line(LogLevel level, const char* message, const char* detail = nullptr, const char* hint = nullptr) noexcept;

}  // namespace atelier::postgres
