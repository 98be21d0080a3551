#include "provider/base64.hpp"
#include "provider/failure.hpp"
#include "provider/openai.hpp"
#include "provider/parameters.hpp"
#include "provider/request_body.hpp"

namespace atelier::provider {
namespace {

using core::Json;

enum class Dialect { openai, deepseek };

bool is_deepseek_host(std::string_view base_url) {
    const std::size_t scheme = base_url.find("://");
    std::string_view host = scheme == std::string_view::npos ? base_url : base_url.substr(scheme + 3);
    host = host.substr(0, host.find_first_of(":/"));
    return host == "deepseek.com" || host.ends_with(".deepseek.com");
}

Dialect read_dialect(const Endpoint& endpoint, ParameterReader& parameters) {
    const auto word = parameters.word("dialect", {"openai", "deepseek"});
    const bool of_deepseek = word ? *word == "deepseek" : is_deepseek_host(endpoint.base_url);
    return of_deepseek ? Dialect::deepseek : Dialect::openai;
}

void set_thinking(Json& members, const std::string& word, Dialect dialect) {
    if (word != "off") {
        members["reasoning_effort"] = word;
    } else if (dialect == Dialect::deepseek) {
        members["thinking"] = {{"type", "disabled"}};
    } else {
        members["reasoning_effort"] = "none";
    }
}

struct ChatBody {
    Json members = Json::object();  // everything but `messages`
    std::string system;
};

// In object mode the schema, if any, is told in words, and the word "json" must stand somewhere or the server refuses.
std::string object_instruction(const Call& call) {
    if (!call.schema.is_null())
        return "Answer with one JSON object that matches this JSON Schema: " + core::write_json(call.schema);
    const bool told = mentions(call.system, "json") || mentions(call.prompt, "json");
    return told ? "" : "Answer with one JSON object.";
}

void set_json_mode(ChatBody& body, const Call& call, Dialect dialect, ParameterReader& parameters) {
    const auto word = parameters.word("json_mode", {"schema", "object"});
    const bool has_schema = !call.schema.is_null();
    if (word && *word == "schema" && !has_schema)
        parameters.refuse("the parameter \"json_mode\" is \"schema\", and the call has none");
    // DeepSeek has no json_schema; other hosts of its model take it and pay no attention.
    const bool by_schema = word ? *word == "schema" : has_schema && dialect == Dialect::openai;
    if (by_schema) {
        body.members["response_format"] = {
            {"type", "json_schema"}, {"json_schema", {{"name", "answer"}, {"strict", true}, {"schema", call.schema}}}};
        return;
    }
    body.members["response_format"] = {{"type", "json_object"}};
    const std::string instruction = object_instruction(call);
    if (!body.system.empty() && !instruction.empty()) body.system += "\n\n";
    body.system += instruction;
}

core::Result<ChatBody> read_call(const Endpoint& endpoint, const Call& call) {
    ParameterReader parameters(call.parameters);
    ChatBody body;
    body.system = call.system;
    body.members["model"] = call.model;
    const Dialect dialect = read_dialect(endpoint, parameters);
    if (auto temperature = parameters.number("temperature", 0, 2)) body.members["temperature"] = *temperature;
    if (auto most = parameters.integer("max_output_tokens", 1, INT32_MAX))
        body.members[dialect == Dialect::deepseek ? "max_tokens" : "max_completion_tokens"] = *most;
    if (auto word = parameters.word("thinking", {"off", "low", "medium", "high"}))
        set_thinking(body.members, *word, dialect);
    if (auto seed = parameters.integer("seed", INT64_MIN, INT64_MAX)) body.members["seed"] = *seed;
    if (call.task == Task::json) set_json_mode(body, call, dialect, parameters);
    if (auto known = parameters.finish(); !known) return known.error();
    return body;
}

// Text alone goes as a string, which every compatible server takes; with pictures it is a list of parts.
void append_user_content(std::string& text, const Call& call) {
    if (call.pictures.empty()) {
        append_json_string(text, call.prompt);
        return;
    }
    text += R"([{"type":"text","text":)";
    append_json_string(text, call.prompt);
    text += '}';
    for (const Picture& picture : call.pictures) {
        text.append(R"(,{"type":"image_url","image_url":{"url":"data:)").append(picture.mime).append(";base64,");
        append_base64(text, picture.bytes);
        text += "\"}}";
    }
    text += ']';
}

std::string write_body(const Call& call, const ChatBody& body) {
    std::string text;
    text.reserve(encoded_bytes(call) + 6 * (call.prompt.size() + body.system.size()) + 4096);
    text += R"({"messages":[)";
    if (!body.system.empty()) {
        text += R"({"role":"system","content":)";
        append_json_string(text, body.system);
        text += "},";
    }
    text += R"({"role":"user","content":)";
    append_user_content(text, call);
    text += "}]";
    append_other_members(text, body.members);
    return text;
}

}  // namespace

core::Result<HttpRequest> build_openai_chat(const Endpoint& endpoint, const Call& call, const std::string& key) {
    if (auto pictures = check_pictures(call, {"image/png", "image/jpeg", "image/webp", "image/gif"}); !pictures)
        return pictures.error();
    const auto body = read_call(endpoint, call);
    if (!body) return body.error();
    return HttpRequest{url_of(endpoint, "chat/completions"),
                       {"Content-Type: application/json", "Accept: application/json", "Authorization: Bearer " + key},
                       write_body(call, *body)};
}

}  // namespace atelier::provider
