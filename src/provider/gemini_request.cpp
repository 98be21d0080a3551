#include <algorithm>
#include <array>

#include "provider/base64.hpp"
#include "provider/gemini.hpp"
#include "provider/parameters.hpp"
#include "provider/request_body.hpp"

namespace atelier::provider {
namespace {

using core::Json;

constexpr std::size_t max_model_bytes = 200;

// It stands in the path: no '/', '?', '&', '%' or "..".
bool is_model_name(std::string_view name) {
    const auto allowed = [](char character) {
        return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
               (character >= '0' && character <= '9') || character == '-' || character == '_' || character == '.';
    };
    return !name.empty() && name.size() <= max_model_bytes && name.find("..") == std::string_view::npos &&
           std::all_of(name.begin(), name.end(), allowed);
}

// The models differ in what they take, and say so before they bill.
bool is_aspect_ratio(std::string_view text) {
    const auto is_side = [](std::string_view side) {
        return !side.empty() && side.size() <= 2 && side.front() != '0' &&
               side.find_first_not_of("0123456789") == std::string_view::npos;
    };
    const std::size_t colon = text.find(':');
    return colon != std::string_view::npos && is_side(text.substr(0, colon)) && is_side(text.substr(colon + 1));
}

Json image_config(ParameterReader& parameters) {
    Json config = Json::object();
    if (auto ratio = parameters.text("aspect_ratio", is_aspect_ratio, "of the form \"16:9\""))
        config["aspectRatio"] = *ratio;
    if (auto size = parameters.word("image_size", {"512", "1K", "2K", "4K"})) config["imageSize"] = *size;
    return config;
}

std::string_view thinking_level(std::string_view word) noexcept {
    // The current models cannot be told not to think at all.
    if (word == "off") return "MINIMAL";
    if (word == "low") return "LOW";
    return word == "medium" ? "MEDIUM" : "HIGH";
}

Json generation_config(const Call& call, ParameterReader& parameters) {
    Json config = Json::object();
    if (call.task == Task::image) {
        config["responseModalities"] = {"IMAGE"};
        if (Json image = image_config(parameters); !image.empty()) config["imageConfig"] = std::move(image);
    } else if (call.task == Task::json) {
        config["responseMimeType"] = "application/json";
        if (!call.schema.is_null()) config["responseJsonSchema"] = call.schema;
    }
    if (auto temperature = parameters.number("temperature", 0, 2)) config["temperature"] = *temperature;
    if (auto most = parameters.integer("max_output_tokens", 1, INT32_MAX)) config["maxOutputTokens"] = *most;
    if (auto seed = parameters.integer("seed", INT32_MIN, INT32_MAX)) config["seed"] = *seed;
    if (auto word = parameters.word("thinking", {"off", "low", "medium", "high"}))
        config["thinkingConfig"] = {{"thinkingLevel", thinking_level(*word)}};
    return config;
}

Json safety_settings(std::string threshold) {
    constexpr std::array<std::string_view, 4> harms{"HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT",
                                                    "DANGEROUS_CONTENT"};
    std::transform(threshold.begin(), threshold.end(), threshold.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; });
    Json settings = Json::array();
    for (const std::string_view harm : harms)
        settings.push_back({{"category", "HARM_CATEGORY_" + std::string(harm)}, {"threshold", threshold}});
    return settings;
}

// Everything but `contents`.
core::Result<Json> other_members(const Call& call) {
    ParameterReader parameters(call.parameters);
    Json members = Json::object();
    if (Json config = generation_config(call, parameters); !config.empty())
        members["generationConfig"] = std::move(config);
    if (auto threshold = parameters.word(
            "safety", {"off", "block_none", "block_only_high", "block_medium_and_above", "block_low_and_above"}))
        members["safetySettings"] = safety_settings(*std::move(threshold));
    if (!call.system.empty())
        members["systemInstruction"] = {{"parts", Json::array({{{"text", call.system}}})}, {"role", "user"}};
    if (auto known = parameters.finish(); !known) return known.error();
    return members;
}

std::string write_body(const Call& call, const Json& others) {
    std::string body;
    body.reserve(encoded_bytes(call) + 6 * call.prompt.size() + 4096);
    body += R"({"contents":[{"role":"user","parts":[{"text":)";
    append_json_string(body, call.prompt);
    body += '}';
    for (const Picture& picture : call.pictures) {
        body += R"(,{"inlineData":{"mimeType":)";
        append_json_string(body, picture.mime);
        body += R"(,"data":")";
        append_base64(body, picture.bytes);
        body += "\"}}";
    }
    body += "]}]";
    append_other_members(body, others);
    return body;
}

}  // namespace

core::Result<HttpRequest> build_gemini(const Endpoint& endpoint, const Call& call, const std::string& key) {
    if (!is_model_name(call.model)) {
        return core::Error{
            core::ErrorClass::invalid_request,
            "the model name cannot stand in a path: letters, digits, '-', '_' and '.' may, and no \"..\""};
    }
    if (auto pictures = check_pictures(call, {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"});
        !pictures)
        return pictures.error();
    const auto others = other_members(call);
    if (!others) return others.error();
    return HttpRequest{url_of(endpoint, "models/" + call.model + ":generateContent"),
                       {"Content-Type: application/json", "x-goog-api-key: " + key},
                       write_body(call, *others)};
}

}  // namespace atelier::provider
