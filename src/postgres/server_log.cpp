#include "postgres/server_log.hpp"

#include "postgres/guard.hpp"

namespace atelier::postgres {

namespace {

struct Line {
    LogLevel level;
    const char* message;
    const char* detail;
    const char* hint;
};

int severity(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::debug:
            return DEBUG1;
        case LogLevel::log:
            return LOG;
        case LogLevel::warning:
            break;
    }
    return WARNING;
}

void write_line(Line& line) {
    ereport(severity(line.level),
            (errmsg_internal("%s", line.message), line.detail != nullptr ? errdetail_internal("%s", line.detail) : 0,
             line.hint != nullptr ? errhint("%s", line.hint) : 0));
}

}  // namespace

void log_line(LogLevel level, const char* message, const char* detail, const char* hint) noexcept {
    Line line{level, message, detail, hint};
    try {
        call_postgres(write_line, line);
    } catch (const PgError&) {
        return;  // out of memory or cancelled while writing a line: there is no better place to say so
    }
}

}  // namespace atelier::postgres
