#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "core/json.hpp"
#include "provider/unsplash.hpp"

namespace atelier::provider::unsplash {
namespace {

using core::ErrorClass;
using core::HttpAnswer;
using core::Json;

constexpr const char* api = "https://api.unsplash.com";

Json photo_json() {
    return {{"id", "aB3dE5fG7hI"},
            {"alt_description", "red barn on a field"},
            {"urls", {{"raw", "https://images.unsplash.com/photo-1?ixid=M3wx&ixlib=rb-4.0.3"}}},
            {"links",
             {{"html", "https://unsplash.com/photos/aB3dE5fG7hI"},
              {"download_location", "https://api.unsplash.com/photos/aB3dE5fG7hI/download?ixid=M3wx"}}},
            {"user", {{"name", "Anna Sample"}, {"links", {{"html", "https://unsplash.com/@annasample"}}}}}};
}

template <class T>
std::string class_of(const Verdict<T>& verdict) {
    return verdict.result ? "ok" : std::string(core::to_string(verdict.result.error().cls));
}

Verdict<Photo> judged(int status, const std::string& body,
                      std::vector<std::pair<std::string, std::string>> headers = {}) {
    return judge_photo({status, std::move(headers), body});
}

TEST(Unsplash, Ids) {
    for (const std::string id : {"a", "aB3dE5fG7hI", "red-barn-aB3_"})
        EXPECT_TRUE(is_photo_id(id)) << id;
    for (const std::string id : {"", "a/b", "..", "a b", "a?b", "\xc3\xa9", "a\n"})
        EXPECT_FALSE(is_photo_id(id)) << id;
    EXPECT_TRUE(is_photo_id(std::string(64, 'a')));
    EXPECT_FALSE(is_photo_id(std::string(65, 'a')));
}

TEST(Unsplash, AsksForAPhoto) {
    const auto request = ask_for_photo(api, "aB3", "key-1");
    ASSERT_TRUE(request.ok());
    EXPECT_EQ(request->method, "GET");
    EXPECT_EQ(request->url, "https://api.unsplash.com/photos/aB3");
    EXPECT_EQ(request->headers, (std::vector<std::string>{"Authorization: Client-ID key-1", "Accept-Version: v1",
                                                          "Accept: application/json"}));
    EXPECT_EQ(ask_for_photo(api, "../me", "key-1").error().cls, ErrorClass::invalid_request);
    for (const std::string key : {"", "a b", "a\r\nX: y"})
        EXPECT_EQ(ask_for_photo(api, "aB3", key).error().cls, ErrorClass::auth) << key;
}

TEST(Unsplash, TheKeyGoesToItsOwnServersAlone) {
    const std::string own = "https://api.unsplash.com/photos/a/download?ixid=M3wx";
    ASSERT_TRUE(tell_of_use(api, own, "k").ok());
    EXPECT_EQ(tell_of_use(api, own, "k")->url, own);
    // What stands in for Unsplash is asked instead of it.
    const auto proxied = tell_of_use("https://proxy.test/unsplash", own, "k");
    ASSERT_TRUE(proxied.ok());
    EXPECT_EQ(proxied->url, "https://proxy.test/unsplash/photos/a/download?ixid=M3wx");
    EXPECT_TRUE(tell_of_use("https://proxy.test/unsplash", "https://proxy.test/photos/a/download", "k").ok());
    for (const char* other :
         {"https://images.unsplash.com/x", "http://api.unsplash.com/x", "https://api.unsplash.com:444/x",
          "https://api.unsplash.com.evil.test/x", "https://evil.test/", "https://a@api.unsplash.com/"}) {
        const auto request = tell_of_use(api, other, "k");
        ASSERT_FALSE(request.ok()) << other;
        EXPECT_EQ(request.error().cls, ErrorClass::invalid_request) << other;
    }
}

TEST(Unsplash, PicturesComeFromItsHosts) {
    for (const char* url : {"https://images.unsplash.com/photo-1?ixid=M3wx", "https://plus.unsplash.com/a"}) {
        const auto request = ask_for_picture(api, url);
        ASSERT_TRUE(request.ok()) << url;
        EXPECT_EQ(request->url, url);
        for (const std::string& header : request->headers)
            EXPECT_FALSE(header.starts_with("Authorization")) << header;
    }
    for (const char* url :
         {"http://images.unsplash.com/a", "https://images.unsplash.com:8443/a", "https://unsplash.com.evil.test/",
          "https://evilunsplash.com/", "https://10.0.0.1/", "https://evil.test/", "file:///etc/passwd", ""}) {
        const auto request = ask_for_picture(api, url);
        ASSERT_FALSE(request.ok()) << url;
        EXPECT_EQ(request.error().cls, ErrorClass::invalid_request) << url;
    }
    EXPECT_TRUE(ask_for_picture("https://proxy.test", "https://proxy.test/a").ok());
    EXPECT_FALSE(ask_for_picture("https://proxy.test", "http://proxy.test/a").ok());
    // One on this machine has its own pictures and those of Unsplash, and opens nothing else.
    const std::string here = "http://127.0.0.1:8080";
    EXPECT_TRUE(ask_for_picture(here, here + "/a").ok());
    EXPECT_TRUE(ask_for_picture(here, "https://images.unsplash.com/a").ok());
    for (const char* url : {"http://10.0.0.1/", "http://127.0.0.1:8081/a", "https://127.0.0.1:8080/a",
                            "http://localhost:8080/a", "https://evil.test/", "http://images.unsplash.com/a"})
        EXPECT_FALSE(ask_for_picture(here, url).ok()) << url;
}

TEST(Unsplash, ReadsAPhoto) {
    const auto verdict = judged(200, photo_json().dump());
    ASSERT_TRUE(verdict.result.ok()) << verdict.result.error().message;
    const Photo& photo = *verdict.result;
    EXPECT_EQ(photo.id, "aB3dE5fG7hI");
    EXPECT_EQ(photo.picture_url,
              "https://images.unsplash.com/photo-1?ixid=M3wx&ixlib=rb-4.0.3&w=2048&fit=max&fm=jpg&q=80");
    EXPECT_EQ(photo.page_url, "https://unsplash.com/photos/aB3dE5fG7hI");
    EXPECT_EQ(photo.photographer, "Anna Sample");
    EXPECT_EQ(photo.profile_url, "https://unsplash.com/@annasample");
    EXPECT_EQ(photo.download_location, "https://api.unsplash.com/photos/aB3dE5fG7hI/download?ixid=M3wx");
    EXPECT_EQ(photo.description, "red barn on a field");
}

TEST(Unsplash, WhatMayBeMissing) {
    Json json = photo_json();
    json["alt_description"] = nullptr;
    json["urls"]["raw"] = "https://images.unsplash.com/photo-1";
    const auto verdict = judged(200, json.dump());
    ASSERT_TRUE(verdict.result.ok());
    EXPECT_EQ(verdict.result->description, "");
    EXPECT_EQ(verdict.result->picture_url, "https://images.unsplash.com/photo-1?w=2048&fit=max&fm=jpg&q=80");
}

TEST(Unsplash, WhatMayNot) {
    for (const char* path : {"/id", "/user", "/user/name", "/user/links", "/user/links/html", "/links", "/links/html",
                             "/links/download_location", "/urls", "/urls/raw"}) {
        for (const Json& bad : {Json(), Json(7), Json("javascript:alert(1)"), Json("")}) {
            if (std::string(path) == "/user/name" && bad.is_string() && bad != "") continue;
            Json json = photo_json();
            json[Json::json_pointer(path)] = bad;
            EXPECT_EQ(class_of(judged(200, json.dump())), "invalid_output") << path << " " << bad;
        }
    }
    for (const std::string body : {"", "[]", "null", "{}", "<html>", "{\"id\":"})
        EXPECT_EQ(class_of(judged(200, body)), "invalid_output") << body;
    for (const char* name : {"plus", "premium"}) {
        Json premium = photo_json();
        premium[name] = true;
        EXPECT_EQ(class_of(judged(200, premium.dump())), "invalid_request") << name;
    }
}

TEST(Unsplash, ClassesOfErrors) {
    struct Row {
        int status;
        std::string body;
        std::vector<std::pair<std::string, std::string>> headers;
        std::string cls;
        std::optional<core::Milliseconds> pause;
    };
    const core::Milliseconds ten_minutes{600'000};
    const Row rows[] = {
        {401, R"({"errors":["OAuth error: The access token is invalid"]})", {}, "auth", {}},
        {403, R"({"errors":["OAuth error"]})", {{"x-ratelimit-remaining", "12"}}, "auth", {}},
        {403, R"({"errors":["OAuth error"]})", {}, "auth", {}},
        {403, "Rate Limit Exceeded", {}, "rate_limited", ten_minutes},
        {403, "", {{"x-ratelimit-remaining", "0"}}, "rate_limited", ten_minutes},
        {403, "", {{"x-ratelimit-remaining", "0"}, {"retry-after", "7"}}, "rate_limited", core::Milliseconds{7000}},
        {429, "", {}, "rate_limited", ten_minutes},
        {404, R"({"errors":["Couldn't find Photo"]})", {{"x-ratelimit-remaining", "0"}}, "invalid_request", {}},
        {400, "", {}, "invalid_request", {}},
        {410, "", {}, "invalid_request", {}},
        {302, "", {{"location", "https://evil.test/"}}, "invalid_request", {}},
        {500, "", {}, "overloaded", {}},
        {503, "", {{"retry-after", "30"}}, "overloaded", core::Milliseconds{30'000}},
        {504, "", {}, "timeout", {}},
    };
    for (const Row& row : rows) {
        const auto photo = judge_photo({row.status, row.headers, row.body});
        EXPECT_EQ(class_of(photo), row.cls) << row.status << row.body;
        EXPECT_EQ(photo.retry_after, row.pause) << row.status << row.body;
        const auto use = judge_use({row.status, row.headers, row.body});
        EXPECT_EQ(class_of(use), row.cls) << row.status;
    }
    EXPECT_EQ(judged(404, R"({"errors":["Couldn't find Photo"]})").result.error().message,
              "there is no such photo (404): Couldn't find Photo");
    EXPECT_EQ(judged(500, "<html>secret gateway</html>").result.error().message, "Unsplash answered 500");
    EXPECT_TRUE(judge_use({200, {}, R"({"url":"https://images.unsplash.com/a"})"}).result.ok());
}

TEST(Unsplash, WhatIsLeftOfTheHour) {
    const std::vector<std::pair<std::string, std::string>> headers{{"x-ratelimit-limit", "50"},
                                                                   {"x-ratelimit-remaining", "47"}};
    for (const int status : {200, 403, 404, 500}) {
        const auto limits = judge_photo({status, headers, photo_json().dump()}).limits;
        ASSERT_EQ(limits.size(), 1U) << status;
        EXPECT_EQ(limits[0].axis, core::Axis::requests);
        EXPECT_EQ(limits[0].limit, 50U);
        EXPECT_EQ(limits[0].remaining, 47U);
        EXPECT_EQ(limits[0].window, core::Milliseconds{3'600'000});
        EXPECT_FALSE(limits[0].reset);
        EXPECT_EQ(judge_use({status, headers, "{}"}).limits.size(), 1U) << status;
    }
    for (const char* limit : {"", "0", "many", "-1"})
        EXPECT_TRUE(judge_use({200, {{"x-ratelimit-limit", limit}}, "{}"}).limits.empty()) << limit;
    EXPECT_TRUE(judge_use({200, {}, "{}"}).limits.empty());
}

TEST(Unsplash, AnswersOfPictures) {
    EXPECT_EQ(class_of(judge_picture({200, {}, "x"})), "ok");
    for (const int status : {301, 302, 307, 400, 401, 403, 404, 410})
        EXPECT_EQ(class_of(judge_picture({status, {}, ""})), "invalid_request") << status;
    for (const int status : {408, 429, 500, 503})
        EXPECT_EQ(class_of(judge_picture({status, {}, ""})), "storage_failed") << status;
    EXPECT_EQ(judge_picture({429, {{"retry-after", "3"}}, ""}).retry_after, core::Milliseconds{3000});
}

}  // namespace
}  // namespace atelier::provider::unsplash
