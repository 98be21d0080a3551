#pragma once
// An HttpClient with its loop, for tests: starts calls, runs the loop until they ended.

#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <string>
#include <utility>

#include "executor/http_client.hpp"

namespace atelier::test {

using core::ErrorClass;
using core::Milliseconds;
using executor::HttpEnd;
using executor::HttpLimits;

class HttpRig {
  public:
    using CallId = executor::HttpClient::CallId;

    explicit HttpRig(std::size_t max_buffered_bytes = std::size_t{256} * 1024 * 1024, std::string ca_file = {})
        : client(loop, max_buffered_bytes, std::move(ca_file)) {
        ::signal(SIGPIPE, SIG_IGN);
    }

    static provider::HttpRequest request(std::string url, std::string body = "{\"prompt\":\"a chair\"}") {
        return {std::move(url), {"Content-Type: application/json", "x-key: very-secret"}, std::move(body)};
    }

    CallId start(provider::HttpRequest request, const HttpLimits& limits = {}) {
        auto id = std::make_shared<CallId>(0);
        *id = client.start(std::move(request), limits, [this, id](HttpEnd end) {
            EXPECT_TRUE(ends.emplace(*id, std::move(end)).second) << "done was called twice";
            loop.stop();
        });
        return *id;
    }

    // Runs until so many calls have ended; at most 30 s.
    void run_until(std::size_t count) {
        const auto timer = loop.at(core::now() + Milliseconds{30'000}, [&] {
            ADD_FAILURE() << ends.size() << " of " << count << " calls ended";
            count = 0;
            loop.stop();
        });
        while (ends.size() < count)
            loop.run();
        loop.cancel(timer);
    }

    HttpEnd call(provider::HttpRequest request, const HttpLimits& limits = {}) {
        const CallId id = start(std::move(request), limits);
        run_until(ends.size() + 1);
        return std::move(ends.extract(id).mapped());
    }
    HttpEnd call(const std::string& url, const HttpLimits& limits = {}) { return call(request(url), limits); }

    executor::EventLoop loop;
    executor::HttpClient client;
    std::map<CallId, HttpEnd> ends;
};

// A failure of this class whose message holds `words`, and nothing that must stay secret.
inline void expect_failure(const HttpEnd& end, ErrorClass cls, bool body_left, const std::string& words) {
    ASSERT_FALSE(end.reply.ok()) << end.reply.value().status << " " << end.reply.value().body.substr(0, 200);
    const core::Error& error = end.reply.error();
    EXPECT_EQ(core::to_string(error.cls), core::to_string(cls)) << error.message;
    EXPECT_EQ(end.body_left, body_left) << error.message;
    EXPECT_NE(error.message.find(words), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find("secret"), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find("images"), std::string::npos) << error.message;
}

inline void expect_reply(const HttpEnd& end, int status, const std::string& body) {
    ASSERT_TRUE(end.reply.ok()) << end.reply.error().message;
    EXPECT_EQ(end.reply.value().status, status);
    EXPECT_EQ(end.status, status);
    EXPECT_EQ(end.reply.value().body, body);
}

}  // namespace atelier::test
