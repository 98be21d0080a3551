#pragma once
// The answers to orders, as payloads of answer frames: at most 1 MB, strings that jsonb can hold.

#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::executor {

// What every answer says. `sent`: the work itself began (a media child was started, an input was seen to be none, the
// store was changed, or a byte of a request's body left).
struct AnswerHead {
    core::Json lease;
    bool sent = false;
    core::Milliseconds duration{0};  // since the intake of the order
};

// `usage` may be null: left out. A result that would make the answer too long becomes a failure, class invalid_output.
std::string completed_answer(const AnswerHead& head, core::Json result, core::Json usage);

// What a failure brought beside its class.
struct FailureFacts {
    core::Json usage;                               // null: nothing is known of it
    std::optional<core::Milliseconds> retry_after;  // when the service wants to be asked again
    core::Json object{};                            // the reference of what may be left in a store; null: nothing
};

std::string failed_answer(const AnswerHead& head, const core::Error& error, const FailureFacts& facts = {});

// The order goes back as if it had never been given. `object` as in FailureFacts.
std::string not_sent_answer(const AnswerHead& head, const core::Json& object = {});

// The same, and the lane of the order is to rest for a while.
std::string not_sent_answer(const AnswerHead& head, const std::string& reason, core::Milliseconds rest,
                            const core::Json& object = {});

}  // namespace atelier::executor
