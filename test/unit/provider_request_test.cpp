// What of a request the oracles do not show: other parameters, and calls that are refused.

#include <gtest/gtest.h>

#include "provider/provider.hpp"

namespace atelier::provider {
namespace {

using core::ErrorClass;
using core::Json;

const Endpoint gemini{Kind::gemini, "https://gemini.example", "v1beta"};
const Endpoint openai{Kind::openai, "https://openai.example", "v1"};
const Endpoint deepseek{Kind::openai, "https://api.deepseek.com", ""};

Call call_for(Task task, Json parameters = Json::object()) {
    Call call;
    call.task = task;
    call.model = "some-model-1.0";
    call.prompt = "A shoe";
    call.parameters = std::move(parameters);
    return call;
}

core::Result<HttpRequest> built(const Endpoint& endpoint, const Call& call, const std::string& key = "a-key") {
    return build(endpoint, call, key, "0123456789abcdef0123456789abcdef");
}

Json body_of(const Endpoint& endpoint, const Call& call) {
    const auto request = built(endpoint, call);
    if (!request) {
        ADD_FAILURE() << request.error().message;
        return {};
    }
    return Json::parse(request->body);
}

void expect_refused(const Endpoint& endpoint, const Call& call, const std::string& said) {
    const auto request = built(endpoint, call);
    ASSERT_FALSE(request.ok()) << said;
    EXPECT_EQ(request.error().cls, ErrorClass::invalid_request);
    EXPECT_NE(request.error().message.find(said), std::string::npos) << request.error().message;
}

TEST(ProviderRequest, WordsGoThereAndBack) {
    for (const Kind kind : {Kind::gemini, Kind::openai})
        EXPECT_EQ(kind_from_string(to_string(kind)), kind);
    for (const Task task : {Task::image, Task::json, Task::text})
        EXPECT_EQ(task_from_string(to_string(task)), task);
    EXPECT_EQ(kind_from_string("offline"), std::nullopt);
    EXPECT_EQ(task_from_string("image"), std::nullopt);
}

TEST(ProviderRequest, UnknownParametersAreNamedWithTheKnownOnes) {
    expect_refused(gemini, call_for(Task::image, {{"aspect", "16:9"}}),
                   "unknown parameter \"aspect\"; known here: aspect_ratio, image_size");
    expect_refused(gemini, call_for(Task::text, {{"aspect_ratio", "16:9"}}), "unknown parameter \"aspect_ratio\"");
    expect_refused(openai, call_for(Task::image, {{"temperature", 1}}), "unknown parameter \"temperature\"");
    expect_refused(openai, call_for(Task::text, {{"json_mode", "object"}}), "unknown parameter \"json_mode\"");
    expect_refused(openai, call_for(Task::text, Json::array()), "no object");
    EXPECT_TRUE(built(gemini, call_for(Task::image, {{"aspect_ratio", nullptr}})).ok());
    EXPECT_TRUE(built(gemini, call_for(Task::image, nullptr)).ok());
}

TEST(ProviderRequest, ValuesAreChecked) {
    struct Row {
        const Endpoint& endpoint;
        Task task;
        Json parameters;
        const char* said;
    };
    const Row rows[] = {
        {gemini, Task::image, {{"aspect_ratio", "16x9"}}, "not of the form \"16:9\""},
        {gemini, Task::image, {{"aspect_ratio", "0:9"}}, "aspect_ratio"},
        {gemini, Task::image, {{"aspect_ratio", 1.5}}, "\"aspect_ratio\" is 1.5"},
        {gemini, Task::image, {{"image_size", "2k"}}, "not one of 512, 1K, 2K, 4K"},
        {gemini, Task::text, {{"temperature", -0.1}}, "not a number from 0 to 2"},
        {gemini, Task::text, {{"temperature", "1"}}, "temperature"},
        {gemini, Task::text, {{"max_output_tokens", 0}}, "max_output_tokens"},
        {gemini, Task::text, {{"max_output_tokens", 1.5}}, "max_output_tokens"},
        {gemini, Task::text, {{"max_output_tokens", UINT64_MAX}}, "max_output_tokens"},
        {gemini, Task::text, {{"thinking", true}}, "thinking"},
        {gemini, Task::text, {{"safety", "BLOCK_NONE"}}, "safety"},
        {openai, Task::json, {{"json_mode", "schema"}}, "json_mode"},
        {openai, Task::json, {{"dialect", "french"}}, "dialect"},
        {openai, Task::image, {{"image_size", "2K"}}, "image_size"},
        {openai, Task::image, {{"image_size", "1024x"}}, "image_size"},
        {openai, Task::image, {{"image_size", "auto"}, {"aspect_ratio", "1:1"}}, "exclude each other"},
        {openai, Task::image, {{"aspect_ratio", "4:1"}}, "within 1:3 and 3:1"},
        {openai, Task::image, {{"output_format", "svg"}}, "output_format"},
        {openai, Task::image, {{"output_format", "jpeg"}, {"background", "transparent"}}, "transparent"},
        {openai, Task::image, {{"output_compression", 50}}, "output_compression"},
        {openai, Task::image, {{"output_compression", 101}, {"output_format", "webp"}}, "output_compression"},
    };
    for (const Row& row : rows)
        expect_refused(row.endpoint, call_for(row.task, row.parameters), row.said);
    const Call call = call_for(Task::text, {{"thinking", std::string(5000, '\x07')}});
    EXPECT_LT(built(gemini, call).error().message.size(), 300U);
}

TEST(ProviderRequest, GeminisModelStandsInThePath) {
    for (const char* model :
         {"", "../x", "a/b", "a?b", "a&b", "a%2fb", "a b", "a\r\nb", "..", "models/x", "a:b", "\xC3\xA4"}) {
        Call call = call_for(Task::text);
        call.model = model;
        expect_refused(gemini, call, "model name");
    }
    EXPECT_EQ(built(gemini, call_for(Task::text))->url,
              "https://gemini.example/v1beta/models/some-model-1.0:generateContent");
    Call call = call_for(Task::text);
    call.model = "vendor/model:free";
    EXPECT_EQ(body_of(openai, call).at("model"), "vendor/model:free");
}

TEST(ProviderRequest, AKeyCannotAddAHeader) {
    for (const char* key : {"", "a\r\nX: y", "a b", "a\n", "\xC3\xA4"}) {
        for (const Endpoint& endpoint : {gemini, openai}) {
            const auto request = built(endpoint, call_for(Task::text), key);
            ASSERT_FALSE(request.ok());
            EXPECT_EQ(request.error().cls, ErrorClass::auth);
        }
    }
}

TEST(ProviderRequest, TextsAndSchemasAreChecked) {
    Call call = call_for(Task::json);
    call.prompt = "";
    expect_refused(openai, call, "prompt is empty");
    call.prompt = "\xFF";
    expect_refused(openai, call, "not UTF-8");
    call = call_for(Task::json);
    call.schema = "text";
    expect_refused(gemini, call, "schema");
}

TEST(ProviderRequest, PicturesOfATypeThatIsNotTakenAreRefused) {
    Call call = call_for(Task::image);
    call.pictures = {{"product", "image/avif", "x"}};
    expect_refused(gemini, call, "takes no image/avif (the picture \"product\")");
    expect_refused(openai, call, "takes no image/avif");
    call.pictures = {{"product", "image/png", ""}};
    expect_refused(gemini, call, "\"product\" is empty");
}

TEST(ProviderRequest, ARoleCannotBreakOutOfItsHeader) {
    Call call = call_for(Task::image);
    call.pictures = {{"a\"\r\nX: y", "image/png", "x"}};
    const auto request = built(openai, call);
    ASSERT_TRUE(request.ok());
    EXPECT_NE(request->body.find("filename=\"a___X__y.png\"\r\nContent-Type: image/png\r\n\r\nx\r\n"),
              std::string::npos);
}

TEST(ProviderRequest, LineBreaksOfAFormAreThoseOfMime) {
    Call call = call_for(Task::image);
    call.prompt = "a\nb\r\nc\rd\n\ne";
    call.pictures = {{"product", "image/png", "x"}};
    EXPECT_NE(built(openai, call)->body.find("\r\n\r\na\r\nb\r\nc\r\nd\r\n\r\ne\r\n--"), std::string::npos);
}

TEST(ProviderRequest, RatiosBecomeSizesThatTheApiKnows) {
    const std::pair<const char*, const char*> rows[] = {
        {"1:1", "1024x1024"}, {"3:2", "1536x1024"}, {"2:3", "1024x1536"}, {"16:9", "1536x864"}, {"9:16", "864x1536"},
        {"4:3", "1536x1152"}, {"5:4", "1536x1232"}, {"3:1", "1536x512"},  {"21:9", "1536x656"}};
    for (const auto& [ratio, size] : rows)
        EXPECT_EQ(body_of(openai, call_for(Task::image, {{"aspect_ratio", ratio}})).at("size"), size) << ratio;
}

TEST(ProviderRequest, SystemTextOfAPictureComesFirst) {
    Call call = call_for(Task::image);
    call.system = "You paint.";
    EXPECT_EQ(body_of(openai, call).at("prompt"), "You paint.\n\nA shoe");
}

TEST(ProviderRequest, DeepSeekIsToldByItsHostOrByTheDialect) {
    Call call = call_for(Task::json, {{"thinking", "off"}, {"max_output_tokens", 9}});
    call.schema = {{"type", "object"}};
    const Json body = body_of(deepseek, call);
    EXPECT_EQ(body.at("thinking"), (Json{{"type", "disabled"}}));
    EXPECT_EQ(body.at("max_tokens"), 9);
    EXPECT_EQ(body.at("response_format"), (Json{{"type", "json_object"}}));
    EXPECT_EQ(body.at("messages").at(0).at("content"),
              R"(Answer with one JSON object that matches this JSON Schema: {"type":"object"})");
    EXPECT_EQ(built(deepseek, call)->url, "https://api.deepseek.com/chat/completions");

    const Json other = body_of(openai, call);
    EXPECT_EQ(other.at("reasoning_effort"), "none");
    EXPECT_EQ(other.at("max_completion_tokens"), 9);
    EXPECT_EQ(other.at("response_format").at("type"), "json_schema");
    call.parameters["dialect"] = "deepseek";
    EXPECT_EQ(body_of(openai, call), body);
    call.parameters["dialect"] = "openai";
    EXPECT_EQ(body_of(deepseek, call), other);
    EXPECT_FALSE(
        body_of({Kind::openai, "https://notdeepseek.com:8443/x", ""}, call_for(Task::json, {{"thinking", "off"}}))
            .contains("thinking"));
}

TEST(ProviderRequest, ObjectModeSaysJsonOnce) {
    Call call = call_for(Task::json);
    EXPECT_EQ(body_of(openai, call).at("messages").at(0).at("content"), "Answer with one JSON object.");
    call.system = "You see.";
    EXPECT_EQ(body_of(openai, call).at("messages").at(0).at("content"), "You see.\n\nAnswer with one JSON object.");
    call.prompt = "Give me Json";
    EXPECT_EQ(body_of(openai, call).at("messages").at(0).at("content"), "You see.");
}

TEST(ProviderRequest, GeminiWithoutASchemaIsAskedForJson) {
    EXPECT_EQ(body_of(gemini, call_for(Task::json)).at("generationConfig"),
              (Json{{"responseMimeType", "application/json"}}));
    EXPECT_FALSE(body_of(gemini, call_for(Task::text)).contains("generationConfig"));
}

}  // namespace
}  // namespace atelier::provider
