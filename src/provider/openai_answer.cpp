#include "core/text.hpp"
#include "provider/made.hpp"
#include "provider/openai.hpp"
#include "provider/usage.hpp"

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using Type = Json::value_t;

constexpr std::size_t max_model_bytes = 200;

const Json* first_of(const Json& object, const char* name) {
    const Json* list = core::find_member(object, name, Type::array);
    return list && !list->empty() ? &list->front() : nullptr;
}

std::uint64_t nested_counter(const Json& object, const char* name, const char* inner) {
    const Json* details = core::find_member(object, name, Type::object);
    return details ? counter(*details, inner) : 0;
}

std::uint64_t first_count(std::uint64_t one, std::uint64_t other) noexcept {
    return one != 0 ? one : other;
}

// Chat counts prompt_tokens and completion_tokens (reasoning within), images count input_tokens and output_tokens.
// Cached tokens are counted within the input; DeepSeek gives them twice.
void read_tokens(std::vector<Usage>& usage, const Json& root) {
    const Json* counters = core::find_member(root, "usage", Type::object);
    if (!counters) return;
    const auto input = first_count(counter(*counters, "prompt_tokens"), counter(*counters, "input_tokens"));
    const auto cached = first_count(nested_counter(*counters, "prompt_tokens_details", "cached_tokens"),
                                    first_count(nested_counter(*counters, "input_tokens_details", "cached_tokens"),
                                                counter(*counters, "prompt_cache_hit_tokens")));
    add_input_tokens(usage, input, cached);
    add_usage(usage, "output_token",
              first_count(counter(*counters, "completion_tokens"), counter(*counters, "output_tokens")));
}

// A string, or a list of parts as some compatible servers write it.
struct Content {
    std::string text;
    std::string refusal;
};

Content read_content(const AnswerBody& body, const Json& message) {
    Content content{std::string(body.text(message, "content")), std::string(body.text(message, "refusal"))};
    const Json* parts = core::find_member(message, "content", Type::array);
    if (!parts) return content;
    for (const Json& part : *parts) {
        content.text += part.is_string() ? body.text(part) : body.text(part, "text");
        content.refusal += body.text(part, "refusal");
    }
    return content;
}

core::Result<Made> make_chat(Task task, const AnswerBody& body) {
    const Json* choice = first_of(body.root(), "choices");
    const Json* message = choice ? core::find_member(*choice, "message", Type::object) : nullptr;
    if (!message) return Error{ErrorClass::no_output, "the provider answered without a choice"};
    const Content content = read_content(body, *message);
    const std::string_view reason = body.text(*choice, "finish_reason");
    if (!content.refusal.empty())
        return Error{ErrorClass::content_blocked, "the model refused: " + quote(content.refusal)};
    if (reason == "content_filter") return Error{ErrorClass::content_blocked, "the provider ended with content_filter"};
    if (reason == "insufficient_system_resource")
        return Error{ErrorClass::overloaded, "the provider ended with insufficient_system_resource"};
    if (reason == "length") {
        return Error{ErrorClass::invalid_output,
                     "the provider ended with length: the answer is cut off, max_output_tokens is too low"};
    }
    return task == Task::json ? made_json(content.text) : made_text(content.text);
}

core::Result<Made> make_image(const AnswerBody& body) {
    const Json* picture = first_of(body.root(), "data");
    const std::string_view base64 = picture ? body.text(*picture, "b64_json") : std::string_view{};
    if (!base64.empty()) {
        const std::string_view format = body.text(body.root(), "output_format");
        return made_picture("image/" + std::string(format.empty() ? "png" : format), base64,
                            body.text(*picture, "revised_prompt"));
    }
    if (picture && !body.text(*picture, "url").empty())
        return Error{ErrorClass::invalid_output,
                     "the provider answered with the URL of a picture instead of its bytes"};
    return Error{ErrorClass::no_output, "the provider answered without a picture"};
}

}  // namespace

Verdict judge_openai(Task task, const HttpAnswer& answer) {
    if (!is_success(answer.status)) return judge_openai_error(answer, read_error_body(answer.body));
    const auto body = AnswerBody::parse(answer.body);
    if (!body) return failed(unreadable(answer, body.error()));
    if (const ErrorBody error = read_error_body(*body); error.present) return judge_openai_error(answer, error);
    std::vector<Usage> usage;
    if (task == Task::image) {
        const Json* pictures = core::find_member(body->root(), "data", Type::array);
        add_usage(usage, "image", pictures ? pictures->size() : 0);
    }
    read_tokens(usage, body->root());
    return {task == Task::image ? make_image(*body) : make_chat(task, *body), std::move(usage),
            core::to_storable_text(body->text(body->root(), "model"), max_model_bytes), std::nullopt};
}

}  // namespace atelier::provider
