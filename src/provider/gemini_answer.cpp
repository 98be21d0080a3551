#include <algorithm>
#include <array>

#include "core/text.hpp"
#include "provider/gemini.hpp"
#include "provider/made.hpp"
#include "provider/usage.hpp"

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using Type = Json::value_t;

constexpr std::size_t max_model_bytes = 200;

// What the parts of a candidate hold, thoughts left out (drafts and notes of models that think).
struct Content {
    std::string text;
    std::vector<const Json*> pictures;  // {"mimeType","data"}
};

Content read_content(const AnswerBody& body, const Json& candidate) {
    Content content;
    const Json* holder = core::find_member(candidate, "content", Type::object);
    const Json* parts = holder ? core::find_member(*holder, "parts", Type::array) : nullptr;
    if (!parts) return content;
    for (const Json& part : *parts) {
        const Json* thought = core::find_member(part, "thought", Type::boolean);
        if (thought && thought->get<bool>()) continue;
        content.text += body.text(part, "text");
        const Json* data = core::find_member(part, "inlineData", Type::object);
        if (data && body.text(*data, "mimeType").starts_with("image/")) content.pictures.push_back(data);
    }
    return content;
}

// usageMetadata: cached tokens are counted within the prompt's, thoughts apart from the candidates'.
std::vector<Usage> read_usage(const Json& root, std::size_t pictures) {
    std::vector<Usage> usage;
    add_usage(usage, "image", pictures);
    const Json* counters = core::find_member(root, "usageMetadata", Type::object);
    if (!counters) return usage;
    add_input_tokens(usage, counter(*counters, "promptTokenCount") + counter(*counters, "toolUsePromptTokenCount"),
                     counter(*counters, "cachedContentTokenCount"));
    add_usage(usage, "output_token",
              counter(*counters, "candidatesTokenCount") + counter(*counters, "thoughtsTokenCount"));
    return usage;
}

template <std::size_t count>
bool is_among(const std::array<std::string_view, count>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::array<std::string_view, 9> blocks{
    "SAFETY",       "PROHIBITED_CONTENT",       "BLOCKLIST",       "SPII", "LANGUAGE", "RECITATION",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"};
// Only where tools were offered, which we never do: the same request would end so again.
constexpr std::array<std::string_view, 3> tool_ends{"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL",
                                                    "TOO_MANY_TOOL_CALLS"};

Error end_error(ErrorClass cls, std::string_view reason, std::string_view said) {
    std::string message = "the provider ended with " + quote(reason.substr(0, 64));
    if (const std::string quoted = quote(said); !quoted.empty()) message += ": " + quoted;
    return {cls, std::move(message)};
}

// Why the candidate ended, if that is no way to end: finishReason, a sibling of `content`.
core::Result<void> check_end(std::string_view reason, std::string_view said, bool has_picture) {
    if (reason.empty() || reason == "STOP" || (reason == "MAX_TOKENS" && has_picture)) return {};
    if (is_among(blocks, reason)) return end_error(ErrorClass::content_blocked, reason, said);
    if (is_among(tool_ends, reason)) return end_error(ErrorClass::invalid_request, reason, said);
    if (reason == "MAX_TOKENS") {
        return Error{ErrorClass::invalid_output,
                     "the provider ended with MAX_TOKENS: the answer is cut off, max_output_tokens is too low"};
    }
    // NO_IMAGE, IMAGE_OTHER, OTHER, MALFORMED_RESPONSE, CONTINUATION, and what may be invented later.
    return end_error(ErrorClass::no_output, reason, said);
}

core::Result<Made> make_picture(const AnswerBody& body, const Content& content) {
    if (content.pictures.empty()) {
        std::string message = "the provider answered without a picture";
        if (const std::string said = quote(content.text); !said.empty()) message += ", but with a text: " + said;
        return Error{ErrorClass::no_output, std::move(message)};
    }
    const Json& picture = *content.pictures.front();
    return made_picture(body.text(picture, "mimeType"), body.text(picture, "data"), content.text);
}

core::Result<Made> make(Task task, const AnswerBody& body, const Json* candidate, const Content& content) {
    if (const Json* feedback = core::find_member(body.root(), "promptFeedback", Type::object)) {
        const std::string_view reason = body.text(*feedback, "blockReason");
        if (!reason.empty() && reason != "BLOCK_REASON_UNSPECIFIED")
            return end_error(ErrorClass::content_blocked, reason, body.text(*feedback, "blockReasonMessage"));
    }
    if (!candidate) return Error{ErrorClass::no_output, "the provider answered without a candidate"};
    const std::string_view reason = body.text(*candidate, "finishReason");
    const std::string_view message = body.text(*candidate, "finishMessage");
    const std::string_view said = message.empty() ? std::string_view(content.text) : message;
    const bool has_picture = task == Task::image && !content.pictures.empty();
    if (auto end = check_end(reason, said, has_picture); !end) return end.error();
    if (task == Task::image) return make_picture(body, content);
    return task == Task::json ? made_json(content.text) : made_text(content.text);
}

}  // namespace

Verdict judge_gemini(Task task, const HttpAnswer& answer) {
    if (!is_success(answer.status)) return judge_gemini_error(answer, read_error_body(answer.body));
    const auto body = AnswerBody::parse(answer.body);
    if (!body) return failed(unreadable(answer, body.error()));
    if (const ErrorBody error = read_error_body(*body); error.present) return judge_gemini_error(answer, error);
    const Json* candidates = core::find_member(body->root(), "candidates", Type::array);
    const Json* candidate = candidates && !candidates->empty() ? &candidates->front() : nullptr;
    const Content content = candidate ? read_content(*body, *candidate) : Content{};
    return {make(task, *body, candidate, content), read_usage(body->root(), content.pictures.size()),
            core::to_storable_text(body->text(body->root(), "modelVersion"), max_model_bytes), std::nullopt};
}

}  // namespace atelier::provider
