#pragma once
// The error classes of the engine: what happens next with a job is decided by this word alone, in SQL, never by an
// HTTP status or an errno. The words are those of atelier_internal's jobs and attempts and of the answers on the wire.

#include <optional>
#include <string_view>

namespace atelier::core {

enum class ErrorClass {
    rate_limited,
    overloaded,
    network,
    timeout,
    outcome_unknown,
    content_blocked,
    invalid_request,
    auth,
    no_credit,
    no_output,
    invalid_output,
    storage_failed,
    worker_lost,
    cancelled,
};

// The word as it stands on the wire and in rows, for example "invalid_request". The text is static.
std::string_view to_string(ErrorClass error_class) noexcept;

// The class of a word; nullopt for every other text.
std::optional<ErrorClass> error_class_from_string(std::string_view word) noexcept;

}  // namespace atelier::core
