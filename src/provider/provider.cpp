#include "provider/provider.hpp"

#include <algorithm>

#include "core/pace_kind.hpp"
#include "core/text.hpp"
#include "core/trace_context.hpp"
#include "provider/gemini.hpp"
#include "provider/json_schema.hpp"
#include "provider/openai.hpp"
#include "provider/rate_limits.hpp"

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;

constexpr std::size_t max_model_bytes = 200;

bool is_visible_ascii(char character) noexcept {
    return character > 0x20 && character < 0x7F;
}

// The key stands in a header: a line break would begin another one.
Result<void> check_key(const std::string& key) {
    if (key.empty()) return Error{ErrorClass::auth, "the API key is empty"};
    if (!std::all_of(key.begin(), key.end(), is_visible_ascii))
        return Error{ErrorClass::auth, "the API key has a character that cannot stand in a header"};
    return {};
}

Result<void> check_call(const Call& call) {
    if (call.model.empty() || call.model.size() > max_model_bytes ||
        !std::all_of(call.model.begin(), call.model.end(), is_visible_ascii)) {
        return Error{ErrorClass::invalid_request,
                     "the model name is empty, longer than 200 bytes, or has blanks or characters beyond ASCII"};
    }
    if (call.prompt.empty()) return Error{ErrorClass::invalid_request, "the prompt is empty"};
    if (!core::is_storable_text(call.prompt) || !core::is_storable_text(call.system))
        return Error{ErrorClass::invalid_request, "prompt or system text is not UTF-8, or has U+0000"};
    if (!call.schema.is_null() && !call.schema.is_object())
        return Error{ErrorClass::invalid_request, "the schema is no object"};
    if (call.task == Task::json && !call.schema.is_null()) return check_json_schema(call.schema);
    return {};
}

Result<HttpRequest> build_call(const Endpoint& endpoint, const Call& call, const std::string& key,
                               const std::string& boundary) {
    if (endpoint.kind == Kind::gemini) return build_gemini(endpoint, call, key);
    return call.task == Task::image ? build_openai_image(endpoint, call, key, boundary)
                                    : build_openai_chat(endpoint, call, key);
}

// The judges of errors know more of the limits: what they said stays.
void add_pace(Verdict& verdict, const HttpAnswer& answer) {
    core::Pace& pace = verdict.pace;
    if (!verdict.made) pace.kind = core::pace_kind(verdict.made.error().cls);
    pace.retry_after = verdict.retry_after;
    for (const Usage& used : verdict.usage) {
        // Each is at most what bigint holds, and there are three.
        if (used.unit.ends_with("_token"))
            pace.tokens = std::min<std::uint64_t>(pace.tokens + used.quantity, INT64_MAX);
        if (used.unit == "image") pace.images = used.quantity;
    }
    for (core::AxisLimit& limit : told_limits(answer)) {
        if (pace.limits.size() < core::max_axis_limits) pace.limits.push_back(limit);
    }
}

}  // namespace

std::optional<Kind> kind_from_string(std::string_view word) noexcept {
    for (const Kind kind : {Kind::gemini, Kind::openai}) {
        if (word == to_string(kind)) return kind;
    }
    return std::nullopt;
}

std::string_view to_string(Kind kind) noexcept {
    return kind == Kind::gemini ? "gemini" : "openai";
}

std::optional<Task> task_from_string(std::string_view word) noexcept {
    for (const Task task : {Task::image, Task::json, Task::text}) {
        if (word == to_string(task)) return task;
    }
    return std::nullopt;
}

std::string_view to_string(Task task) noexcept {
    if (task == Task::image) return "ai.image";
    return task == Task::json ? "ai.json" : "ai.text";
}

Result<HttpRequest> build(const Endpoint& endpoint, const Call& call, const std::string& key,
                          const std::string& boundary) {
    if (auto checked = check_key(key); !checked) return checked.error();
    if (auto checked = check_call(call); !checked) return checked.error();
    auto request = build_call(endpoint, call, key, boundary);
    // Nobody's call is to fail for want of a trace.
    if (request && core::is_traceparent(call.traceparent))
        request->headers.push_back("traceparent: " + call.traceparent);
    return request;
}

Verdict judge(Kind kind, Task task, const HttpAnswer& answer) {
    Verdict verdict = kind == Kind::gemini ? judge_gemini(task, answer) : judge_openai(task, answer);
    add_pace(verdict, answer);
    return verdict;
}

}  // namespace atelier::provider
