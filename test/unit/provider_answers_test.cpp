// Bad answers of providers, whatever their kind: each ends in a class, none in a crash.

#include <gtest/gtest.h>

#include "core/redact.hpp"
#include "provider_verdicts.hpp"

namespace atelier::provider {
namespace {

using namespace std::string_literals;
using core::Json;

// A text as each kind wraps it.
std::string wrapped(Kind kind, const Json& text) {
    if (kind == Kind::gemini)
        return Json{{"candidates", Json::array({{{"finishReason", "STOP"},
                                                 {"content", {{"parts", Json::array({{{"text", text}}})}}}}})}}
            .dump();
    return Json{{"choices", Json::array({{{"finish_reason", "stop"}, {"message", {{"content", text}}}}})}}.dump();
}

std::string picture(Kind kind, const std::string& base64) {
    if (kind == Kind::gemini) {
        const Json part{{"inlineData", {{"mimeType", "image/png"}, {"data", base64}}}};
        return Json{{"candidates", Json::array({{{"content", {{"parts", Json::array({part})}}}}})}}.dump();
    }
    return Json{{"data", Json::array({{{"b64_json", base64}}})}}.dump();
}

template <class Check>
void each_kind_and_task(Check check) {
    for (const Kind kind : {Kind::gemini, Kind::openai}) {
        for (const Task task : {Task::image, Task::json, Task::text})
            check(kind, task);
    }
}

struct Row {
    const char* name;
    Answer answer;
    const char* outcome;
};

TEST(ProviderAnswers, BodiesThatAreNoAnswer) {
    const std::string big = "{\"a\":\"" + std::string(20'000, 'A');
    const Row rows[] = {
        {"empty", {200, ""}, "no_output"},
        {"blank", {200, "\n\n  \n"}, "no_output"},
        {"page", {200, "<!doctype html><html>", {{"content-type", "text/html"}}}, "invalid_output"},
        {"page declared as JSON", {200, "\n<html>", {{"content-type", "application/json"}}}, "invalid_output"},
        {"cut off", {200, R"({"candidates":[{"content)"}, "invalid_output"},
        {"cut off in a long string", {200, big}, "invalid_output"},
        {"U+0000", {200, R"({"model":"\u0000"})"}, "invalid_output"},
        {"zero byte", {200, "{\"model\":\"\0\"}"s}, "invalid_output"},
        {"lone surrogate", {200, R"({"model":"\ud800"})"}, "invalid_output"},
        {"byte order mark", {200, "\xEF\xBB\xBF{}"}, "invalid_output"},
        {"UTF-16", {200, "\xFF\xFE{\0}\0"s}, "invalid_output"},
        {"Latin-1", {200, "{\"model\":\"\xE4\"}"}, "invalid_output"},
        {"gzip", {200, "\x1F\x8B\x08\0\0\0"s, {{"content-encoding", "gzip"}}}, "invalid_output"},
        {"unknown encoding", {200, "xxxx", {{"content-encoding", "br, gzip\xFF"}}}, "invalid_output"},
        {"number out of range", {200, R"({"usage":{"prompt_tokens":1e999}})"}, "invalid_output"},
        {"2,000,000 brackets", {200, std::string(2'000'000, '[')}, "invalid_output"},
        {"as an error", {400, std::string(2'000'000, '[')}, "invalid_request"},
        {"events", {200, "data: {\"choices\":[]}\n\ndata: [DONE]\n\n"}, "invalid_output"},
        {"status 0", {0, "{}"}, "invalid_output"},
        {"status -1", {-1, "{}"}, "invalid_output"},
        {"status 99", {99, ""}, "invalid_output"},
        {"status 100", {100, ""}, "invalid_output"},
        {"status 204", {204, ""}, "no_output"},
        {"status 301", {301, "", {{"location", "https://elsewhere.example/"}}}, "invalid_request"},
        {"status 304", {304, ""}, "invalid_output"},
        {"status 418", {418, ""}, "invalid_request"},
        {"status 600", {600, ""}, "invalid_output"},
        {"status 2147483647", {2147483647, ""}, "invalid_output"},
    };
    for (const Row& row : rows) {
        each_kind_and_task([&](Kind kind, Task task) {
            const Verdict verdict = judged(kind, task, row.answer);
            EXPECT_EQ(outcome(verdict), row.outcome) << row.name << ", " << to_string(kind) << " " << to_string(task);
            expect_storable(verdict);
        });
    }
}

TEST(ProviderAnswers, TheMessageNamesAForeignEncoding) {
    const Verdict verdict = judged(Kind::openai, Task::json, {200, "\x1F\x8B", {{"content-encoding", "gzip"}}});
    EXPECT_EQ(message(verdict), "the provider answered 200 with a Content-Encoding that was not asked for, gzip");
}

TEST(ProviderAnswers, JsonWithinTheAnswerMustBeStorable) {
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    for (const Kind kind : {Kind::gemini, Kind::openai}) {
        for (const std::string& text :
             {deep, R"({"a":"\u0000"})"s, R"({"\u0000":1})"s, R"({"a":1e999})"s, R"({"a":NaN})"s, R"({"a":"\udc00"})"s,
              R"({"a":1)"s, R"("text")"s, "null"s, "```\n```"s, "``````"s, "```"s,
              "{\"a\":\"" + std::string(1'000'000, 'x') + "\"}"}) {
            const Verdict verdict = judged(kind, Task::json, {200, wrapped(kind, text)});
            EXPECT_NE(outcome(verdict), "made") << text.substr(0, 50);
            EXPECT_TRUE(outcome(verdict) == "invalid_output" || text.starts_with("```")) << text.substr(0, 50);
            expect_storable(verdict);
        }
        const Verdict verdict =
            judged(kind, Task::json, {200, wrapped(kind, R"({"a":"x","a":"'; drop table jobs; -- $reboot"})")});
        ASSERT_TRUE(verdict.made.ok());
        EXPECT_EQ(verdict.made->json, (Json{{"a", "'; drop table jobs; -- $reboot"}}));
    }
}

TEST(ProviderAnswers, LongTextsComeThrough) {
    for (const Kind kind : {Kind::gemini, Kind::openai}) {
        for (const std::string& text : {std::string(100'000, 'x'), std::string(100'000, 'x') + "\n\xC3\xA4"}) {
            const Verdict verdict = judged(kind, Task::text, {200, wrapped(kind, text)});
            ASSERT_TRUE(verdict.made.ok()) << message(verdict);
            EXPECT_TRUE(verdict.made->text == text);
        }
        const std::string json = R"({"a":")" + std::string(100'000, 'x') + R"("})";
        EXPECT_EQ(judged(kind, Task::json, {200, wrapped(kind, json)}).made->json.at("a").get<std::string>().size(),
                  100'000U);
        EXPECT_EQ(outcome(judged(kind, Task::text, {200, wrapped(kind, std::string(1'000'001, 'x'))})),
                  "invalid_output");
    }
}

TEST(ProviderAnswers, PicturesMustBeBase64) {
    const std::string good = base64_of(std::string(30'000, '\x02'));
    for (const Kind kind : {Kind::gemini, Kind::openai}) {
        EXPECT_EQ(outcome(judged(kind, Task::image, {200, picture(kind, good)})), "made");
        for (const std::string& wrong :
             {good.substr(1), good + "=", good + "====", "!" + good.substr(1), " " + good.substr(1), "%%%%"s}) {
            const Verdict verdict = judged(kind, Task::image, {200, picture(kind, wrong)});
            EXPECT_EQ(outcome(verdict), "invalid_output");
            // It was made, and is billed.
            EXPECT_EQ(usage_of(verdict)["image"], 1U);
        }
        // Gateways that escape slashes.
        std::string escaped = picture(kind, base64_of(std::string(30'000, '\xFF')));
        for (std::size_t at = 0; (at = escaped.find("//", at)) != std::string::npos; at += 4)
            escaped.replace(at, 2, "\\/\\/");
        EXPECT_EQ(outcome(judged(kind, Task::image, {200, escaped})), "made");
    }
}

TEST(ProviderAnswers, LongNamesOfModelsAreCut) {
    const Json name = std::string(30'000, 'm');
    EXPECT_EQ(judged(Kind::gemini, Task::text, {200, Json{{"modelVersion", name}}.dump()}).model.size(), 200U);
    EXPECT_EQ(judged(Kind::openai, Task::text, {200, Json{{"model", name}}.dump()}).model.size(), 200U);
}

TEST(ProviderAnswers, EchoedKeysCanBeRedactedWherever) {
    const std::string key = "sk-live-4242424242424242424242424242";
    for (const std::size_t before : {0U, 200U, 280U, 290U, 299U}) {
        const std::string body =
            Json{{"error", {{"message", std::string(before, '.') + key + " is no key"}, {"code", key}}}}.dump();
        each_kind_and_task([&](Kind kind, Task task) {
            const std::string text = core::redact(message(judged(kind, task, {401, body})), key);
            EXPECT_EQ(text.find(key.substr(0, 8)), std::string::npos) << text;
        });
    }
}

// Cut anywhere, or with any byte in any place, an answer gives a verdict.
TEST(ProviderAnswers, NoByteBreaksTheJudge) {
    const std::string body =
        R"({"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"google.rpc.RetryInfo","retryDelay":"3s"}]}})";
    for (const Kind kind : {Kind::gemini, Kind::openai}) {
        for (const std::string& whole : {body, wrapped(kind, "{\"a\":1}"), picture(kind, "AAAA")}) {
            for (std::size_t at = 0; at < whole.size(); ++at) {
                expect_storable(judged(kind, Task::image, {429, whole.substr(0, at)}));
                for (const char byte : {'\0', '"', '\\', '{', '9', '\xFF'}) {
                    std::string bent = whole;
                    bent[at] = byte;
                    for (const Task task : {Task::image, Task::json, Task::text})
                        expect_storable(judged(kind, task, {200, bent}));
                }
            }
        }
    }
}

}  // namespace
}  // namespace atelier::provider
