// Orders of S3 stores through the executor program.

#include <gtest/gtest.h>

#include "core/sha256.hpp"
#include "executor_process.hpp"
#include "paid_rig.hpp"
#include "played_bucket.hpp"

namespace atelier::test {
namespace {

using wire::FrameType;

Json in_bucket(const std::string& key) {
    return {{"store", "media"}, {"bucket", "pictures"}, {"key", key}};
}

Json in_file(const std::string& key) {
    return {{"store", "file"}, {"key", key}};
}

void tell_stores(ExecutorProcess& executor, const Json& stores) {
    executor.send(FrameType::providers, 0, Json{{"providers", Json::array()}, {"stores", stores}}.dump());
}

void compose_into_bucket(ExecutorProcess& executor, std::uint64_t attempt, int timeout_ms = 20'000) {
    Json product = in_bucket("in/product.png");
    product.update({{"role", "product"}, {"sha256", core::sha256_hex(tiny_png())}});
    executor.order(attempt, "ai.image",
                   {{"prompt", "a chair"},
                    {"settings", Json::object()},
                    {"inputs", Json::array({product})},
                    {"output", {{"store", "media"}, {"bucket", "pictures"}, {"key_prefix", "out/1"}}}},
                   timeout_ms);
}

TEST(ExecutorS3, ComposesFromABucketIntoIt) {
    PlayedBucket bucket;
    bucket.keep("in/product.png", tiny_png());
    ExecutorProcess executor;
    executor.start();
    tell_stores(executor, Json::array({store_entry(bucket.endpoint())}));
    compose_into_bucket(executor, 1);
    const Json answer = executor.answer(1);
    ASSERT_EQ(answer["outcome"], "completed") << answer;
    EXPECT_EQ(answer["result"]["object"], in_bucket("out/1.png"));
    EXPECT_EQ(bucket.objects()["out/1.png"], tiny_png());
}

TEST(ExecutorS3, HeadMeasuresAndCompares) {
    PlayedBucket bucket;
    bucket.keep("a.png", tiny_png());
    bucket.keep("a.txt", std::string(100'000, 'x'));
    ExecutorProcess executor;
    executor.start();
    tell_stores(executor, Json::array({store_entry(bucket.endpoint())}));
    const Json right{{"mime", "image/png"}, {"size", 67}, {"sha256", core::sha256_hex(tiny_png())}};
    executor.order(1, "storage.head", {{"object", in_bucket("a.png")}, {"expect", right}});
    EXPECT_EQ(executor.answer(1)["result"]["width"], 1);
    const std::pair<const char*, Json> wrong[] = {
        {"mime", "image/jpeg"}, {"size", 68}, {"sha256", std::string(64, '0')}};
    const char* const words[] = {"the type", "the size", "the sha256"};
    for (std::uint64_t i = 0; i < 3; ++i) {
        executor.order(2 + i, "storage.head",
                       {{"object", in_bucket("a.png")}, {"expect", {{wrong[i].first, wrong[i].second}}}});
        const Json answer = executor.answer(2 + i);
        EXPECT_EQ(answer["error"]["class"], "invalid_request") << answer;
        EXPECT_NE(answer["error"]["message"].get<std::string>().find(words[i]), std::string::npos) << answer;
    }
    const std::size_t before = bucket.requests();
    executor.order(9, "storage.head", {{"object", in_bucket("a.txt")}});
    const Json text = executor.answer(9);
    EXPECT_EQ(text["error"]["class"], "invalid_request");
    EXPECT_EQ(text["sent"], true) << "its bytes were seen";
    EXPECT_EQ(bucket.requests(), before + 1) << "what is no picture is not read to its end";
    executor.order(10, "storage.head", {{"object", in_bucket("nothing.png")}});
    const Json nothing = executor.answer(10);
    EXPECT_EQ(nothing["error"]["class"], "invalid_request");
    EXPECT_EQ(nothing["sent"], false) << "it may come yet";
}

TEST(ExecutorS3, DeletesInOneRequest) {
    PlayedBucket bucket;
    Json objects = Json::array();
    for (int i = 0; i < 500; ++i) {
        bucket.keep("k" + std::to_string(i), "x");
        objects.push_back(in_bucket("k" + std::to_string(i)));
    }
    ExecutorProcess executor;
    executor.start();
    tell_stores(executor, Json::array({store_entry(bucket.endpoint())}));
    executor.order(1, "storage.delete", {{"objects", objects}});
    const Json answer = executor.answer(1);
    ASSERT_EQ(answer["outcome"], "completed") << answer;
    EXPECT_EQ(answer["result"]["deleted"].size(), 500U);
    EXPECT_TRUE(bucket.objects().empty());
    EXPECT_EQ(bucket.requests(), 1U);
}

TEST(ExecutorS3, MovesBetweenStores) {
    PlayedBucket bucket;
    ExecutorProcess executor;
    executor.start();
    tell_stores(executor, Json::array({store_entry(bucket.endpoint())}));
    Json source = in_file("in/product.png");
    source.update({{"sha256", core::sha256_hex(tiny_png())}, {"size", tiny_png().size()}});
    executor.order(1, "storage.put", {{"source", source}, {"mime", "image/png"}, {"target", in_bucket("moved.png")}});
    const Json there = executor.answer(1);
    ASSERT_EQ(there["outcome"], "completed") << there;
    EXPECT_EQ(there["result"], (Json{{"object", in_bucket("moved.png")},
                                     {"size", tiny_png().size()},
                                     {"sha256", core::sha256_hex(tiny_png())}}));
    EXPECT_EQ(bucket.objects()["moved.png"], tiny_png());

    source.update(in_bucket("moved.png"));
    executor.order(2, "storage.put", {{"source", source}, {"mime", "image/png"}, {"target", in_file("back.png")}});
    EXPECT_EQ(executor.answer(2)["outcome"], "completed");
    EXPECT_EQ(read_file(executor.store() / "back.png"), tiny_png());

    source["sha256"] = std::string(64, '0');
    executor.order(3, "storage.put", {{"source", source}, {"mime", "image/png"}, {"target", in_file("other.png")}});
    EXPECT_EQ(executor.answer(3)["error"]["class"], "invalid_request");
    EXPECT_FALSE(std::filesystem::exists(executor.store() / "other.png"));
}

TEST(ExecutorS3, WrongCredentialsAreOneRequestAndFinalForTheStoresOwnLane) {
    PlayedBucket bucket;
    bucket.refuse_with(s3_error(403, "SignatureDoesNotMatch"));
    ExecutorProcess executor;
    executor.start();
    tell_stores(executor, Json::array({store_entry(bucket.endpoint())}));
    for (std::uint64_t attempt = 1; attempt <= 5; ++attempt)
        executor.order(attempt, "storage.head", {{"object", in_bucket("a.png")}});
    for (std::uint64_t attempt = 1; attempt <= 5; ++attempt)
        EXPECT_EQ(executor.answer(attempt)["error"]["class"], "auth");
    EXPECT_EQ(bucket.requests(), 1U);
    EXPECT_EQ(Json::parse(executor.frame(FrameType::alert)->payload)["kind"], "store_unavailable");
    // The lane of a provider is not to be paused for it.
    compose_into_bucket(executor, 6);
    const Json answer = executor.answer(6);
    EXPECT_EQ(answer["outcome"], "not_sent") << answer;
    EXPECT_EQ(answer["error"]["retry_after_ms"], 5000);
    EXPECT_EQ(bucket.requests(), 1U);
}

TEST(ExecutorS3, WhatIsCancelledInTheMiddleOfAPutNamesTheObject) {
    RawServer silent([](Peer& peer) {
        peer.read_request();
        peer.wait_for_close();
    });
    ExecutorProcess executor;
    executor.start();
    tell_stores(executor, Json::array({store_entry(silent.url(""))}));
    Json source = in_file("in/product.png");
    source.update({{"sha256", core::sha256_hex(tiny_png())}, {"size", tiny_png().size()}});
    executor.order(1, "storage.put", {{"source", source}, {"mime", "image/png"}, {"target", in_bucket("moved.png")}});
    ASSERT_TRUE(eventually([&] { return silent.requests().size() == 1; }));
    executor.send(FrameType::cancel, 1);
    const Json answer = executor.answer(1, milliseconds{1000});
    ASSERT_FALSE(answer.is_null());
    EXPECT_EQ(answer["error"]["class"], "cancelled");
    EXPECT_EQ(answer["result"], (Json{{"object", in_bucket("moved.png")}}));
}

TEST(ExecutorS3, WhatIsGivenBackInTheMiddleOfAPutNamesTheObject) {
    RawServer silent([](Peer& peer) {
        peer.read_request();
        peer.wait_for_close();
    });
    ExecutorProcess executor;
    Json hello = executor.hello();
    hello["shutdown_wait_ms"] = 100;
    executor.start(hello);
    tell_stores(executor, Json::array({store_entry(silent.url(""))}));
    Json source = in_file("in/product.png");
    source.update({{"sha256", core::sha256_hex(tiny_png())}, {"size", tiny_png().size()}});
    executor.order(1, "storage.put", {{"source", source}, {"mime", "image/png"}, {"target", in_bucket("moved.png")}});
    ASSERT_TRUE(eventually([&] { return silent.requests().size() == 1; }));
    executor.send(FrameType::drain);
    const Json answer = executor.answer(1, milliseconds{1500});
    ASSERT_FALSE(answer.is_null());
    EXPECT_EQ(answer["outcome"], "not_sent") << answer;
    EXPECT_EQ(answer["result"], (Json{{"object", in_bucket("moved.png")}})) << answer;
}

// A provider, and a bucket for what it makes.
class PaidS3 : public testing::Test {
  protected:
    PaidS3() { provider_.open(); }

    Json frame(const Json& more = Json::object()) const {
        Json all = providers(provider_.base_url());
        all["stores"] = Json::array({store_entry(bucket_.endpoint(), more)});
        return all;
    }
    static void order(ExecutorProcess& executor, std::uint64_t attempt, int timeout_ms = 20'000) {
        executor.order(
            attempt, "ai.image",
            {{"prompt", "a chair"},
             {"output",
              {{"store", "media"}, {"bucket", "pictures"}, {"key_prefix", "out/" + std::to_string(attempt)}}}},
            timeout_ms, "gemini");
    }
    static bool is_kept(ExecutorProcess& executor, std::uint64_t attempt) {
        const auto frame = executor.frame(FrameType::kept);
        return frame && frame->attempt == attempt;
    }

    Provider provider_;
    PlayedBucket bucket_;
};

TEST_F(PaidS3, AnAnswerWaitsForItsStoreBeyondItsDeadline) {
    bucket_.refuse_with(reply(503, ""));
    ExecutorProcess executor;
    executor.start();
    configure(executor, frame());
    order(executor, 7, 1500);
    ASSERT_TRUE(is_kept(executor, 7));
    EXPECT_EQ(Json::parse(executor.frame(FrameType::alert)->payload)["kind"], "store_unavailable");
    // Nothing more is bought for it meanwhile.
    order(executor, 8);
    const Json refused = executor.answer(8);
    EXPECT_EQ(refused["outcome"], "not_sent") << refused;
    EXPECT_EQ(refused["error"]["retry_after_ms"], 5000);
    EXPECT_NE(refused["error"]["message"].get<std::string>().find("\"media\""), std::string::npos) << refused;
    EXPECT_TRUE(executor.answer(7, milliseconds{2000}).is_null());
    bucket_.open();
    const Json answer = executor.answer(7, milliseconds{15'000});
    ASSERT_EQ(answer["outcome"], "completed") << answer;
    EXPECT_EQ(answer["result"]["object"], in_bucket("out/7.png"));
    EXPECT_EQ(bucket_.objects()["out/7.png"], tiny_png());
    EXPECT_EQ(Json::parse(executor.frame(FrameType::alert)->payload)["resolved"], true);
    EXPECT_EQ(provider_.requests(), 1U);
    order(executor, 9);
    EXPECT_EQ(executor.answer(9)["outcome"], "completed");
}

TEST_F(PaidS3, AnAnswerWhoseKeyIsTakenWaitsAndHoldsUpNoOthers) {
    bucket_.keep("out/7.png", "another");
    ExecutorProcess executor;
    executor.start();
    configure(executor, frame());
    order(executor, 7);
    ASSERT_TRUE(is_kept(executor, 7));
    for (std::uint64_t attempt = 8; attempt <= 9; ++attempt) {
        order(executor, attempt);
        EXPECT_EQ(executor.answer(attempt)["outcome"], "completed");
    }
    EXPECT_EQ(bucket_.objects()["out/7.png"], "another");
    executor.send(FrameType::cancel, 7);
    const Json answer = executor.answer(7, milliseconds{1000});
    ASSERT_FALSE(answer.is_null());
    EXPECT_EQ(answer["error"]["class"], "cancelled") << answer;
}

TEST_F(PaidS3, RefusedCredentialsAreSentOnceUntilSomethingChanges) {
    bucket_.refuse_with(s3_error(403, "InvalidAccessKeyId"));
    ExecutorProcess executor;
    executor.start();
    configure(executor, frame());
    order(executor, 7);
    ASSERT_TRUE(is_kept(executor, 7));
    pause_for(milliseconds{1500});
    EXPECT_EQ(bucket_.requests(), 1U);
    bucket_.open();
    configure(executor, frame({{"secret_access_key", "another"}}));
    const Json answer = executor.answer(7, milliseconds{1000});
    ASSERT_FALSE(answer.is_null()) << "not at once";
    EXPECT_EQ(answer["outcome"], "completed") << answer;
    EXPECT_EQ(provider_.requests(), 1U);
}

TEST_F(PaidS3, ACancelEndsTheWaitingWithTheUsage) {
    bucket_.refuse_with(reply(503, ""));
    ExecutorProcess executor;
    executor.start();
    configure(executor, frame());
    order(executor, 7);
    ASSERT_TRUE(is_kept(executor, 7));
    executor.send(FrameType::cancel, 7);
    const Json answer = executor.answer(7, milliseconds{8000});
    ASSERT_FALSE(answer.is_null());
    EXPECT_EQ(answer["error"]["class"], "cancelled") << answer;
    EXPECT_EQ(answer["sent"], true);
    EXPECT_TRUE(answer["usage"].is_array()) << answer;
}

// All tries may take longer than the worker waits.
TEST_F(PaidS3, AnAnswerThatASilentStoreHoldsUpIsKeptFromTheFirstTryOn) {
    RawServer silent([](Peer& peer) {
        peer.read_request();
        peer.wait_for_close();
    });
    ExecutorProcess executor;
    executor.start();
    Json all = frame({{"progress_timeout_ms", 1200}});
    all["stores"][0]["endpoint"] = silent.url("");
    configure(executor, all);
    order(executor, 7, 2500);
    const auto kept = executor.frame(FrameType::kept, milliseconds{2500});
    ASSERT_TRUE(kept.has_value());
    EXPECT_EQ(kept->attempt, 7U);
    EXPECT_FALSE(executor.frame(FrameType::kept, milliseconds{4000}).has_value()) << "it is said once";
    EXPECT_GE(silent.requests().size(), 3U);
    EXPECT_EQ(provider_.requests(), 1U);
}

TEST_F(PaidS3, ACancelEndsTheWaitingOfAnAdoptedReceipt) {
    bucket_.refuse_with(reply(503, ""));
    ExecutorProcess first;
    first.start();
    configure(first, frame());
    order(first, 7);
    ASSERT_TRUE(is_kept(first, 7));
    first.close_socket();
    EXPECT_EQ(first.wait_for_nanny(milliseconds{3000}), 0);

    ExecutorProcess second;
    second.start(first.hello());
    configure(second, frame());
    ASSERT_TRUE(is_kept(second, 7));
    second.send(FrameType::cancel, 8);
    second.send(FrameType::cancel, 7);
    const Json answer = second.answer(7, milliseconds{8000});
    ASSERT_FALSE(answer.is_null());
    EXPECT_EQ(answer["error"]["class"], "cancelled") << answer;
    EXPECT_EQ(answer["sent"], true);
    EXPECT_EQ(answer["lease"]["token"], 123456789);
    EXPECT_TRUE(answer["usage"].is_array()) << answer;
}

TEST_F(PaidS3, TheNextExecutorWaitsForTheStoreToo) {
    bucket_.refuse_with(reply(503, ""));
    ExecutorProcess first;
    first.start();
    configure(first, frame());
    order(first, 7);
    ASSERT_TRUE(is_kept(first, 7));
    first.close_socket();
    EXPECT_EQ(first.wait_for_nanny(milliseconds{3000}), 0) << "it does not wait for the store";

    ExecutorProcess second;
    second.start(first.hello());
    configure(second, frame());
    ASSERT_TRUE(is_kept(second, 7));
    EXPECT_TRUE(second.frame(FrameType::adopted).has_value());
    bucket_.open();
    EXPECT_EQ(second.answer(7, milliseconds{15'000})["outcome"], "completed");
    EXPECT_EQ(bucket_.objects()["out/7.png"], tiny_png());
    EXPECT_EQ(provider_.requests(), 1U);
}

TEST_F(PaidS3, AStoreThatIsDownHoldsUpNoReceiptsOfOthers) {
    bucket_.refuse_with(reply(503, ""));
    ExecutorProcess first;
    first.start();
    configure(first, frame());
    std::uint64_t attempt = 0;
    // More than the next one takes at a time.
    for (; attempt < 40; ++attempt)
        order(first, attempt);
    for (std::uint64_t i = 0; i < attempt; ++i)
        ASSERT_TRUE(first.frame(FrameType::kept).has_value()) << i;
    order_picture(first, attempt);
    expect_picture(first, first.answer(attempt), attempt);
    first.close_socket();
    EXPECT_EQ(first.wait_for_nanny(milliseconds{3000}), 0);

    ExecutorProcess second;
    second.start(first.hello());
    configure(second, frame());
    expect_picture(first, second.answer(attempt, milliseconds{10'000}), attempt);
    bucket_.open();
    for (std::uint64_t i = 0; i < attempt; ++i)
        EXPECT_EQ(second.answer(i, milliseconds{15'000})["outcome"], "completed") << i;
    EXPECT_EQ(provider_.requests(), attempt + 1);
    EXPECT_EQ(bucket_.objects().size(), attempt);
}

TEST_F(PaidS3, NothingIsBoughtForAStoreThatCannotBeUsed) {
    ExecutorProcess executor;
    executor.start();
    Json without = frame();
    without["stores"] = Json::array();
    configure(executor, without);
    order(executor, 1);
    const Json unknown = executor.answer(1);
    EXPECT_EQ(unknown["outcome"], "not_sent") << unknown;
    EXPECT_EQ(unknown["error"]["retry_after_ms"], 5000) << unknown;
    EXPECT_NE(unknown["error"]["message"].get<std::string>().find("\"media\" is not configured"), std::string::npos);
    configure(executor, frame({{"credentials_error", "there is no user mapping"}}));
    order(executor, 2);
    const Json bare = executor.answer(2);
    EXPECT_EQ(bare["outcome"], "not_sent") << bare;
    EXPECT_NE(bare["error"]["message"].get<std::string>().find("there is no user mapping"), std::string::npos) << bare;
    EXPECT_EQ(provider_.requests(), 0U);
    configure(executor, frame());
    order(executor, 3);
    EXPECT_EQ(executor.answer(3)["outcome"], "completed");
}

// Eight are prepared at a time.
TEST_F(PaidS3, WhatIsQueuedWhenTheStoreClosesIsNotBought) {
    bucket_.refuse_with(reply(503, ""));
    RawServer slow([](Peer& peer) {
        peer.read_request();
        peer.wait_for_close();
    });
    ExecutorProcess executor;
    executor.start();
    Json all = frame();
    all["stores"].push_back(store_entry(slow.url(""), {{"name", "slow"}, {"progress_timeout_ms", 1500}}));
    configure(executor, all);
    const Json input{{"store", "slow"},
                     {"bucket", "pictures"},
                     {"key", "a.png"},
                     {"role", "product"},
                     {"sha256", core::sha256_hex(tiny_png())}};
    order(executor, 1);
    for (std::uint64_t attempt = 2; attempt <= 9; ++attempt) {
        executor.order(attempt, "ai.image",
                       {{"prompt", "a chair"},
                        {"inputs", Json::array({input})},
                        {"output", {{"store", "file"}, {"key_prefix", "out/" + std::to_string(attempt)}}}},
                       60'000, "gemini");
    }
    order(executor, 10, 60'000);
    ASSERT_TRUE(is_kept(executor, 1));
    const Json refused = executor.answer(10, milliseconds{30'000});
    EXPECT_EQ(refused["outcome"], "not_sent") << refused;
    EXPECT_EQ(provider_.requests(), 1U);
}

TEST_F(PaidS3, InputsComeFromABucket) {
    bucket_.keep("in/product.png", tiny_png());
    ExecutorProcess executor;
    executor.start();
    configure(executor, frame());
    Json input = in_bucket("in/product.png");
    input.update({{"role", "product"}, {"sha256", core::sha256_hex(tiny_png())}});
    const auto order_with_input = [&](std::uint64_t attempt) {
        executor.order(attempt, "ai.image",
                       {{"prompt", "a chair"},
                        {"inputs", Json::array({input})},
                        {"output", {{"store", "file"}, {"key_prefix", "out/" + std::to_string(attempt)}}}},
                       20'000, "gemini");
    };
    order_with_input(1);
    expect_picture(executor, executor.answer(1), 1);
    bucket_.refuse_with(s3_error(403, "AccessDenied"));
    for (std::uint64_t attempt = 2; attempt <= 4; ++attempt) {
        order_with_input(attempt);
        const Json answer = executor.answer(attempt);
        EXPECT_EQ(answer["outcome"], "not_sent") << answer;
        EXPECT_EQ(answer["error"]["retry_after_ms"], 5000) << answer;
    }
    EXPECT_EQ(bucket_.requests(), 2U);
    EXPECT_EQ(provider_.requests(), 1U);
}

}  // namespace
}  // namespace atelier::test
