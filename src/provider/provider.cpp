#include "provider/provider.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "provider/gemini.hpp"
#include "provider/json_schema.hpp"
#include "provider/openai.hpp"

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
    if (endpoint.kind == Kind::gemini) return build_gemini(endpoint, call, key);
    return call.task == Task::image ? build_openai_image(endpoint, call, key, boundary)
                                    : build_openai_chat(endpoint, call, key);
}

Verdict judge(Kind kind, Task task, const HttpAnswer& answer) {
    return kind == Kind::gemini ? judge_gemini(task, answer) : judge_openai(task, answer);
}

}  // namespace atelier::provider
