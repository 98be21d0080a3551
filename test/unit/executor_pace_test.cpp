// What the executor says of the pace of services, just before its answers; and the trace that it passes on.

#include <gtest/gtest.h>

#include <csignal>

#include "paid_rig.hpp"
#include "played_bucket.hpp"
#include "wire/pace_frame.hpp"

namespace atelier::test {
namespace {

using core::Pace;
using core::PaceKind;
using wire::FrameType;

const std::string slow_down = R"({"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[
    {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
        {"quotaId":"GenerateRequestsPerMinutePerProjectPerModel","quotaValue":"10"}]},
    {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}]}})";

// The pace that comes with the answer to an attempt; nullopt: there is an answer without one.
std::optional<Pace> pace_of(ExecutorProcess& executor, std::uint64_t attempt) {
    std::optional<wire::Frame> before;
    while (auto frame = executor.next_frame()) {
        if (frame->type == FrameType::answer && frame->attempt == attempt) {
            if (!before || before->type != FrameType::pace) return std::nullopt;
            EXPECT_EQ(before->attempt, attempt);
            const auto pace = wire::decode_pace(before->payload);
            EXPECT_TRUE(pace);
            return pace;
        }
        before = std::move(frame);
    }
    ADD_FAILURE() << "no answer to attempt " << attempt;
    return std::nullopt;
}

PaceKind kind_of(ExecutorProcess& executor, std::uint64_t attempt) {
    const auto pace = pace_of(executor, attempt);
    return pace ? pace->kind : PaceKind::answered;
}

// A provider that answers each request with the next of these.
RawServer::Script in_turn(std::vector<std::string> replies) {
    return [replies = std::move(replies), next = std::make_shared<std::atomic<std::size_t>>(0)](Peer& peer) {
        while (!peer.read_request().empty()) {
            if (!peer.send(replies.at((*next)++ % replies.size()))) return;
        }
    };
}

std::string url_of(const RawServer& server) {
    return "http://127.0.0.1:" + std::to_string(server.port());
}

TEST(ExecutorPace, OfAProvider) {
    RawServer server(in_turn({reply(200, picture_answer()), reply(429, slow_down), reply(500, "{}"),
                              reply(400, R"({"error":{"message":"no"}})")}));
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(url_of(server)));

    order_picture(executor, 1);
    const auto good = pace_of(executor, 1);
    ASSERT_TRUE(good);
    EXPECT_EQ(good->kind, PaceKind::answered);
    EXPECT_EQ(good->tokens, 1297U);
    EXPECT_EQ(good->images, 1U);

    order_picture(executor, 2);
    const auto refused = pace_of(executor, 2);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->kind, PaceKind::rate_limited);
    EXPECT_EQ(refused->retry_after, milliseconds{34'070});
    ASSERT_EQ(refused->limits.size(), 1U);
    EXPECT_EQ(refused->limits[0].limit, 10U);
    EXPECT_EQ(refused->limits[0].window, milliseconds{60'000});

    order_picture(executor, 3);
    EXPECT_EQ(kind_of(executor, 3), PaceKind::failed);
    order_picture(executor, 4);
    EXPECT_FALSE(pace_of(executor, 4)) << "it is well, and says no more";
}

TEST(ExecutorPace, OfOneThatIsNotThere) {
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers("http://127.0.0.1:" + std::to_string(refused_port())));
    order_picture(executor, 1);
    EXPECT_EQ(kind_of(executor, 1), PaceKind::failed);
}

TEST(ExecutorPace, OfOneThatFallsSilent) {
    RawServer server(after_request([](Peer& peer) { peer.reset(); }));
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(url_of(server)));
    order_picture(executor, 1);
    EXPECT_EQ(kind_of(executor, 1), PaceKind::failed);
}

TEST(ExecutorPace, OfWhatWasNeverAskedNothingIsKnown) {
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers("http://127.0.0.1:1", {{"key_error", "there is no key"}}));
    order_picture(executor, 1);
    EXPECT_EQ(kind_of(executor, 1), PaceKind::unknown) << "it has no key";
    executor.order(2, "ai.text", {{"prompt", "a chair"}}, 20'000, "other");
    EXPECT_EQ(kind_of(executor, 2), PaceKind::unknown) << "it is not configured";
    executor.order(3, "ai.text", Json::object(), 20'000, "gemini");
    EXPECT_EQ(kind_of(executor, 3), PaceKind::unknown) << "the order is none";
}

TEST(ExecutorPace, OfWhatWasGivenBackNothingIsKnown) {
    Provider provider;
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(provider.base_url()));
    order_picture(executor, 1);
    ASSERT_TRUE(provider.was_asked(1));
    executor.send(FrameType::drain);
    order_picture(executor, 2);
    EXPECT_EQ(kind_of(executor, 2), PaceKind::unknown);
    provider.open();
    EXPECT_EQ(kind_of(executor, 1), PaceKind::answered);
}

TEST(ExecutorPace, AClosedStoreLetsTheLaneRest) {
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers("http://127.0.0.1:1"));
    executor.order(
        1, "ai.image",
        {{"prompt", "a chair"}, {"output", {{"store", "media"}, {"bucket", "pictures"}, {"key_prefix", "out/1"}}}},
        20'000, "gemini");
    const auto pace = pace_of(executor, 1);
    ASSERT_TRUE(pace);
    EXPECT_EQ(pace->kind, PaceKind::rest);
    EXPECT_EQ(pace->retry_after, milliseconds{5000});
}

TEST(ExecutorPace, AnAdoptedAnswerIsOfThePast) {
    RawServer server(in_turn({reply(429, slow_down)}));
    ExecutorProcess first;
    first.start();
    configure(first, providers(url_of(server)));
    order_picture(first, 7);
    EXPECT_EQ(kind_of(first, 7), PaceKind::rate_limited);
    ::kill(first.engine(), SIGKILL);
    ASSERT_TRUE(first.wait_for_nanny().has_value());

    ExecutorProcess second;
    second.start(first.hello());
    configure(second, providers(url_of(server)));
    EXPECT_EQ(kind_of(second, 7), PaceKind::unknown);
}

TEST(ExecutorPace, OfWorkOnThisMachine) {
    ExecutorProcess executor;
    executor.start();
    executor.compose(1, "a chair");
    EXPECT_FALSE(pace_of(executor, 1));
    executor.order(2, "storage.head", {{"object", {{"store", "file"}, {"key", "absent.png"}}}});
    EXPECT_FALSE(pace_of(executor, 2)) << "what is not there says nothing against the store";
}

TEST(ExecutorPace, AStoreSlowsDownItsOwnLaneAlone) {
    PlayedBucket bucket;
    bucket.refuse_with(s3_error(503, "SlowDown"));
    ExecutorProcess executor;
    executor.start();
    configure(executor, {{"providers", Json::array()}, {"stores", Json::array({store_entry(bucket.endpoint())})}});
    const Json object{{"store", "media"}, {"bucket", "pictures"}, {"key", "a.png"}};
    executor.order(1, "storage.head", {{"object", object}});
    EXPECT_EQ(kind_of(executor, 1), PaceKind::rate_limited);
    bucket.refuse_with(s3_error(503, "ServiceUnavailable"));
    executor.order(2, "storage.delete", {{"objects", Json::array({object})}});
    EXPECT_EQ(kind_of(executor, 2), PaceKind::failed);

    Json input = object;
    input.update({{"role", "product"}, {"sha256", std::string(64, '0')}});
    executor.order(3, "ai.json", {{"task", "scene"}, {"inputs", Json::array({input})}});
    EXPECT_EQ(kind_of(executor, 3), PaceKind::unknown) << "this machine is well";
}

TEST(ExecutorPace, ATraceGoesToTheProvider) {
    RawServer server(in_turn({reply(200, picture_answer())}));
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(url_of(server)));
    const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const Json traces = {good, good + "\r\nX-Evil: 1", "\r\nX-Evil: 1", "", 7, nullptr};
    for (std::size_t i = 0; i < traces.size(); ++i) {
        executor.send(
            FrameType::order, i + 1,
            Json{{"lease", {{"attempt", i + 1}}},
                 {"action", "ai.image"},
                 {"provider", "gemini"},
                 {"model", "some-model"},
                 {"timeout_ms", 20'000},
                 {"traceparent", traces[i]},
                 {"request", {{"prompt", "a chair"}, {"output", {{"store", "file"}, {"key_prefix", "out/1"}}}}}}
                .dump());
        EXPECT_EQ(executor.answer(i + 1)["outcome"], "completed") << traces[i];
    }
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), traces.size());
    EXPECT_NE(requests[0].find("\r\ntraceparent: " + good + "\r\n"), std::string::npos) << requests[0];
    for (std::size_t i = 1; i < requests.size(); ++i) {
        EXPECT_EQ(requests[i].find("traceparent"), std::string::npos) << requests[i];
        EXPECT_EQ(requests[i].find("Evil"), std::string::npos) << requests[i];
    }
}

}  // namespace
}  // namespace atelier::test
