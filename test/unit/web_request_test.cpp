// Requests of users: what may stand in one, and what an answer is to them.

#include "provider/web_request.hpp"

#include <gtest/gtest.h>

namespace atelier::provider {
namespace {

using core::ErrorClass;
using core::Json;

constexpr const char* trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

core::Result<WebRequest> read(const Json& request, const WebMarks& marks = {}) {
    return read_web_request(request, marks);
}

std::string header(const core::HttpRequest& request, const std::string& name) {
    std::string found = "none";
    for (const std::string& line : request.headers)
        if (line.starts_with(name + ": ")) found = line.substr(name.size() + 2);
    return found;
}

TEST(WebRequest, AnAddressIsEnough) {
    const auto request = read({{"url", "https://a.test/x?y"}});
    ASSERT_TRUE(request.ok());
    EXPECT_EQ(request->http.method, "GET");
    EXPECT_EQ(request->http.url, "https://a.test/x?y");
    EXPECT_EQ(request->http.body, "");
    EXPECT_EQ(request->http.headers, std::vector<std::string>{"User-Agent: pg_atelier"});
    EXPECT_FALSE(request->timeout);
}

TEST(WebRequest, Bodies) {
    const auto object = read({{"url", "u"}, {"body", {{"a", 1}}}});
    EXPECT_EQ(object->http.method, "POST");
    EXPECT_EQ(object->http.body, R"({"a":1})");
    EXPECT_EQ(header(object->http, "Content-Type"), "application/json");
    EXPECT_EQ(read({{"url", "u"}, {"body", Json::array({1, 2})}})->http.body, "[1,2]");
    const auto text = read({{"url", "u"}, {"method", "PATCH"}, {"body", "caf\xc3\xa9"}});
    EXPECT_EQ(text->http.method, "PATCH");
    EXPECT_EQ(text->http.body, "caf\xc3\xa9");
    EXPECT_EQ(header(text->http, "Content-Type"), "text/plain; charset=utf-8");
    const auto own_type =
        read({{"url", "u"}, {"body", "a=b"}, {"headers", {{"content-type", "application/x-www-form-urlencoded"}}}});
    EXPECT_EQ(header(own_type->http, "Content-Type"), "none");
    EXPECT_EQ(header(own_type->http, "content-type"), "application/x-www-form-urlencoded");
    EXPECT_EQ(read({{"url", "u"}, {"method", "POST"}, {"body", nullptr}})->http.body, "");
    EXPECT_TRUE(read({{"url", "u"}, {"body", std::string(1'000'000, 'x')}}).ok());
    EXPECT_FALSE(read({{"url", "u"}, {"body", std::string(1'000'001, 'x')}}).ok());
}

TEST(WebRequest, IsMarked) {
    const WebMarks marks{"0f8f-3", trace};
    const auto marked = read({{"url", "u"}, {"headers", {{"X-Own", "1"}}}}, marks);
    EXPECT_EQ(header(marked->http, "Idempotency-Key"), "0f8f-3");
    EXPECT_EQ(header(marked->http, "traceparent"), trace);
    EXPECT_EQ(header(marked->http, "X-Own"), "1");
    const auto own = read(
        {{"url", "u"}, {"headers", {{"IDEMPOTENCY-key", "mine"}, {"TraceParent", "x"}, {"User-agent", "me"}}}}, marks);
    EXPECT_EQ(own->http.headers.size(), 3U);
    EXPECT_EQ(header(own->http, "IDEMPOTENCY-key"), "mine");
    EXPECT_EQ(header(read({{"url", "u"}}, {"", "no trace"})->http, "traceparent"), "none");
}

TEST(WebRequest, Timeout) {
    EXPECT_EQ(read({{"url", "u"}, {"timeout_ms", 1500U}})->timeout, core::Milliseconds{1500});
    for (const Json& bad : {Json(0U), Json(-1), Json(86'400'001U), Json("5"), Json(1.5)})
        EXPECT_FALSE(read({{"url", "u"}, {"timeout_ms", bad}}).ok()) << bad;
}

TEST(WebRequest, WhatIsNone) {
    for (const Json& bad : {Json(), Json("https://a.test"), Json::array(), Json::object(), Json{{"url", ""}},
                            Json{{"url", 7}}, Json{{"url", "u"}, {"uri", "u"}}, Json{{"url", "u"}, {"method", "get"}},
                            Json{{"url", "u"}, {"method", "TRACE"}}, Json{{"url", "u"}, {"method", "CONNECT"}},
                            Json{{"url", "u"}, {"method", 1}}, Json{{"url", "u"}, {"method", "GET\r\nX: y"}},
                            Json{{"url", "u"}, {"body", 1}}, Json{{"url", "u"}, {"body", true}},
                            Json{{"url", "u"}, {"method", "GET"}, {"body", "x"}},
                            Json{{"url", "u"}, {"method", "HEAD"}, {"body", Json::object()}},
                            Json{{"url", "u"}, {"headers", "X: y"}}, Json{{"url", "u"}, {"headers", Json::array()}}}) {
        const auto request = read(bad);
        ASSERT_FALSE(request.ok()) << bad.dump().substr(0, 200);
        EXPECT_EQ(request.error().cls, ErrorClass::invalid_request);
    }
}

void expect_refused_header(const std::string& name, const Json& value) {
    const auto request = read({{"url", "u"}, {"headers", {{name, value}}}});
    ASSERT_FALSE(request.ok()) << name << ' ' << value.dump(-1, ' ', true, Json::error_handler_t::replace);
    EXPECT_EQ(request.error().cls, ErrorClass::invalid_request);
    EXPECT_EQ(request.error().message.find("secret"), std::string::npos) << request.error().message;
}

TEST(WebRequest, HeadersThatFrameNameOrIdentifyAreRefused) {
    for (const char* name : {"Host", "HOST", "Content-Length", "content-length", "transfer-encoding", "Connection",
                             "Authorization", "Cookie", "Proxy-Authorization", "proxy-connection", "Proxy-", "TE",
                             "Trailer", "Upgrade", "Expect", "Keep-Alive", "Accept-Encoding"})
        expect_refused_header(name, "secret");
}

TEST(WebRequest, HeadersThatAreNoPrintableTextAreRefused) {
    for (const Json& value : {Json("a\r\nHost: evil.test"), Json("a\nb"), Json("a\tb"), Json(std::string("a\0b", 3)),
                              Json("a\x7f"), Json("caf\xc3\xa9"), Json(""), Json(" a"), Json("a "), Json(1), Json(),
                              Json::array({"a"}), Json(std::string(9000, 'a'))})
        expect_refused_header("X-A", value);
}

TEST(WebRequest, NamesOfHeadersAreTokens) {
    for (const std::string& name :
         {std::string("X A"), std::string("X-A:"), std::string(), std::string("X-A\r\nHost"), std::string("X-\xc3\xa9"),
          std::string("X-A "), std::string("X\0A", 3), std::string(101, 'x')})
        expect_refused_header(name, "a");
}

TEST(WebRequest, HeadersAreFewAndOfDifferentNames) {
    EXPECT_FALSE(read({{"url", "u"}, {"headers", {{"X-A", "1"}, {"x-a", "2"}}}}).ok());
    Json headers = Json::object();
    for (int i = 0; i < 50; ++i)
        headers["X-" + std::to_string(i)] = "a";
    EXPECT_TRUE(read({{"url", "u"}, {"headers", headers}}).ok());
    headers["X-50"] = "a";
    EXPECT_FALSE(read({{"url", "u"}, {"headers", headers}}).ok());
}

using Headers = std::vector<std::pair<std::string, std::string>>;

WebVerdict judge(int status, const Headers& headers, std::string_view body) {
    return judge_web_answer({status, headers, body}, "a.test:8443");
}

void expect_failure(const WebVerdict& verdict, ErrorClass cls, const std::string& message) {
    ASSERT_FALSE(verdict.result.ok()) << *verdict.result;
    EXPECT_EQ(core::to_string(verdict.result.error().cls), core::to_string(cls));
    EXPECT_EQ(verdict.result.error().message, message);
}

TEST(WebAnswer, Json) {
    const auto verdict = judge(201,
                               {{"content-type", "Application/Problem+JSON; charset=utf-8"},
                                {"location", "/things/7"},
                                {"set-cookie", "session=secret"},
                                {"x-request-id", "r1"}},
                               R"({"a":[1,"b"]})");
    ASSERT_TRUE(verdict.result.ok());
    EXPECT_EQ(*verdict.result,
              Json::parse(R"({"status":201,"headers":{"content-type":"Application/Problem+JSON; charset=utf-8",
        "location":"/things/7","x-request-id":"r1"},"body":{"a":[1,"b"]}})"));
}

TEST(WebAnswer, TextAndNothing) {
    EXPECT_EQ(judge(200, {{"content-type", "text/html"}}, "<p>{}").result->at("body"), "<p>{}");
    EXPECT_EQ(judge(200, {}, R"({"a":1})").result->at("body"), R"({"a":1})");
    EXPECT_EQ(judge(204, {{"content-type", "application/json"}}, "").result->at("body"), Json());
    EXPECT_EQ(judge(304, {{"etag", "\"1\""}}, "").result->at("status"), 304);
    EXPECT_EQ(judge(200, {{"content-encoding", "identity"}}, "x").result->at("body"), "x");
}

TEST(WebAnswer, WhatIsNoOutput) {
    const Headers json{{"content-type", "application/json"}};
    for (const std::string& body :
         {std::string("<html>"), std::string("{"), std::string("{\"a\":\"\\u0000\"}"), std::string("{\"a\":1e999}"),
          std::string("\xef\xbb\xbf{"), std::string(100, '[')}) {
        const auto verdict = judge(200, json, body);
        ASSERT_FALSE(verdict.result.ok()) << body;
        EXPECT_EQ(verdict.result.error().cls, ErrorClass::invalid_output);
    }
    expect_failure(judge(200, {}, "\xff\xd8\xff"), ErrorClass::invalid_output,
                   "the answer of a.test:8443 is no text of UTF-8");
    expect_failure(judge(200, {}, std::string_view("a\0b", 3)), ErrorClass::invalid_output,
                   "the answer of a.test:8443 is no text of UTF-8");
    expect_failure(judge(200, {{"content-encoding", "gzip"}}, "x"), ErrorClass::invalid_output,
                   "the answer of a.test:8443 is compressed, which nobody asked for");
    expect_failure(judge(600, {}, ""), ErrorClass::overloaded, "a.test:8443 answered 600");
    expect_failure(judge(99, {}, ""), ErrorClass::invalid_output, "the answer of a.test:8443 has the status 99");
}

TEST(WebAnswer, ARedirectionIsNotFollowed) {
    const std::string said = "a.test:8443 answered 302, a redirection";
    const std::string end = ", which is not followed";
    const auto to = [](const std::string& location) { return judge(302, {{"location", location}}, "secret"); };
    expect_failure(to("https://Evil.test/secret?x"), ErrorClass::invalid_request, said + " to evil.test" + end);
    expect_failure(to("http://169.254.169.254/latest/secret"), ErrorClass::invalid_request,
                   said + " to 169.254.169.254" + end);
    expect_failure(to("/secret"), ErrorClass::invalid_request, said + " to another path" + end);
    for (const char* location :
         {"file:///etc/passwd", "//evil.test/secret", "gopher://x", "https://u:secret@evil.test/", ""})
        expect_failure(to(location), ErrorClass::invalid_request, said + " to somewhere else" + end);
    for (const int status : {300, 301, 303, 307, 308})
        EXPECT_EQ(judge(status, {}, "").result.error().cls, ErrorClass::invalid_request);
}

TEST(WebAnswer, Failures) {
    expect_failure(judge(404, {}, " no such thing. "), ErrorClass::invalid_request,
                   "a.test:8443 answered 404: no such thing");
    for (const int status : {400, 401, 402, 403, 404, 409, 422})
        EXPECT_EQ(judge(status, {}, "").result.error().cls, ErrorClass::invalid_request) << status;
    for (const int status : {500, 502, 503, 504, 529})
        EXPECT_EQ(judge(status, {}, "").result.error().cls, ErrorClass::overloaded) << status;
    EXPECT_EQ(judge(503, {{"retry-after", "7"}}, "").retry_after, core::Milliseconds{7000});
    EXPECT_FALSE(judge(400, {{"retry-after", "7"}}, "").retry_after);
    for (const int status : {408, 425, 429}) {
        EXPECT_EQ(judge(status, {}, "").result.error().cls, ErrorClass::rate_limited) << status;
        EXPECT_EQ(judge(status, {{"retry-after", "7"}}, "").retry_after, core::Milliseconds{7000});
        // Never at once, which would be for ever.
        EXPECT_EQ(judge(status, {{"retry-after", "0"}}, "").retry_after, core::Milliseconds{1000});
        EXPECT_EQ(judge(status, {}, "").retry_after, core::Milliseconds{30'000});
    }
}

}  // namespace
}  // namespace atelier::provider
