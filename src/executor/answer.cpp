#include "executor/answer.hpp"

#include <utility>

#include "core/text.hpp"

namespace atelier::executor {
namespace {

using core::Json;

constexpr std::size_t max_answer_bytes = 1'000'000;
constexpr std::size_t max_message_bytes = 1000;

Json answer(const AnswerHead& head, const char* outcome, bool sent) {
    return Json{{"lease", head.lease}, {"outcome", outcome}, {"sent", sent}, {"duration_ms", head.duration.count()}};
}

// The one that may be left.
void name_object(Json& answer, const Json& object) {
    if (!object.is_null()) answer["result"] = {{"object", object}};
}

}  // namespace

Answer completed_answer(const AnswerHead& head, Json result, Json usage, core::Pace pace) {
    Json completed = answer(head, "completed", head.sent);
    completed["result"] = std::move(result);
    if (!usage.is_null()) completed["usage"] = std::move(usage);
    std::string text = core::write_json(completed);
    if (text.size() <= max_answer_bytes) return {std::move(text), std::move(pace)};
    return failed_answer(
        head,
        {core::ErrorClass::invalid_output, "the result is longer than " + std::to_string(max_answer_bytes) + " bytes"},
        {completed.value("usage", Json()), {}, {}, std::move(pace)});
}

Answer failed_answer(const AnswerHead& head, const core::Error& error, const FailureFacts& facts) {
    Json failed = answer(head, "failed", head.sent);
    failed["error"] = {{"class", core::to_string(error.cls)},
                       {"message", core::to_storable_text(error.message, max_message_bytes)}};
    if (facts.retry_after) failed["error"]["retry_after_ms"] = facts.retry_after->count();
    if (!facts.usage.is_null()) failed["usage"] = facts.usage;
    name_object(failed, facts.object);
    return {core::write_json(failed), facts.pace};
}

Answer not_sent_answer(const AnswerHead& head, const Json& object) {
    Json given_back = answer(head, "not_sent", false);
    name_object(given_back, object);
    return {core::write_json(given_back), core::unheard()};
}

Answer not_sent_answer(const AnswerHead& head, const std::string& reason, core::Milliseconds rest, const Json& object) {
    Json given_back = answer(head, "not_sent", false);
    given_back["error"] = {{"message", core::to_storable_text(reason, max_message_bytes)},
                           {"retry_after_ms", rest.count()}};
    name_object(given_back, object);
    core::Pace pace;
    pace.kind = core::PaceKind::rest;
    pace.retry_after = rest;
    return {core::write_json(given_back), std::move(pace)};
}

}  // namespace atelier::executor
