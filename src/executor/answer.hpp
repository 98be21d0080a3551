#pragma once
// The answers to orders, as payloads of answer frames: at most 1 MB, strings that jsonb can hold.

#include <string>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::executor {

// What every answer says. `sent`: the work itself began (here: a media child was started, or the store was changed).
struct AnswerHead {
    core::Json lease;
    bool sent = false;
    core::Milliseconds duration{0};  // since the intake of the order
};

// `usage` may be null: left out. A result that would make the answer too long becomes a failure, class invalid_output.
std::string completed_answer(const AnswerHead& head, core::Json result, core::Json usage);

std::string failed_answer(const AnswerHead& head, const core::Error& error);

// The order goes back as if it had never been given.
std::string not_sent_answer(const AnswerHead& head);

}  // namespace atelier::executor
