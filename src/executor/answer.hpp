#pragma once
// The answers to orders: the payload of an answer frame, at most 1 MB of strings that jsonb can hold, and what it says
// of the pace of the service that was asked.

#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/pace_kind.hpp"
#include "core/result.hpp"

namespace atelier::executor {

// What every answer says. `sent`: the work itself began (a media child was started, an input was seen to be none, the
// store was changed, or a byte of a request's body left).
struct AnswerHead {
    core::Json lease;
    bool sent = false;
    core::Milliseconds duration{0};  // since the intake of the order
};

struct Answer {
    std::string text;
    core::Pace pace{};
};

// `usage` may be null: left out. A result that would make the answer too long becomes a failure, class invalid_output.
Answer completed_answer(const AnswerHead& head, core::Json result, core::Json usage, core::Pace pace = {});

// What a failure brought beside its class.
struct FailureFacts {
    core::Json usage;                               // null: nothing is known of it
    std::optional<core::Milliseconds> retry_after;  // when the service wants to be asked again
    core::Json object{};                            // the reference of what may be left in a store; null: nothing
    core::Pace pace = core::unheard();
};

Answer failed_answer(const AnswerHead& head, const core::Error& error, const FailureFacts& facts = {});

// The order goes back as if it had never been given. `object` as in FailureFacts.
Answer not_sent_answer(const AnswerHead& head, const core::Json& object = {});

// The same, and the lane of the order is to rest for a while.
Answer not_sent_answer(const AnswerHead& head, const std::string& reason, core::Milliseconds rest,
                       const core::Json& object = {});

}  // namespace atelier::executor
