// Paid calls through the executor program: what is in the spool when, and who answers for it.

#include <gtest/gtest.h>

#include <csignal>

#include "paid_rig.hpp"

namespace atelier::test {
namespace {

namespace fs = std::filesystem;
using wire::FrameType;

// Bytes of all segments.
std::uintmax_t spool_bytes(const ExecutorProcess& executor) {
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(executor.spool()))
        bytes += entry.file_size();
    return bytes;
}

TEST(ExecutorPaid, AReceiptIsKeptUntilItIsSettled) {
    Provider provider;
    provider.open();
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(provider.base_url()));
    ASSERT_TRUE(executor.frame(FrameType::adopted).has_value());
    const auto empty = spool_bytes(executor);
    order_picture(executor, 7);
    expect_picture(executor, executor.answer(7), 7);
    EXPECT_GE(spool_bytes(executor), empty + picture_answer().size());
    executor.send(FrameType::settled, 0, "[7]");
    // What the spool held is gone with its segment, at the latest when the next one is begun.
    executor.close_socket();
    EXPECT_EQ(executor.wait_for_nanny(), 0);
    EXPECT_EQ(spool_bytes(executor), 0U);
}

TEST(ExecutorPaid, TheNextExecutorAnswersForADeadOne) {
    Provider provider;
    provider.open();
    ExecutorProcess first;
    first.start();
    configure(first, providers(provider.base_url()));
    order_picture(first, 7);
    expect_picture(first, first.answer(7), 7);
    ::kill(first.engine(), SIGKILL);
    ASSERT_TRUE(first.wait_for_nanny().has_value());

    ExecutorProcess second;
    second.start(first.hello());
    configure(second, providers(provider.base_url()));
    expect_picture(first, second.answer(7), 7);
    EXPECT_TRUE(second.frame(FrameType::adopted).has_value());
    EXPECT_EQ(provider.requests(), 1U);
    second.send(FrameType::settled, 0, "[7]");
    second.close_socket();
    EXPECT_EQ(second.wait_for_nanny(), 0);
    EXPECT_EQ(spool_bytes(first), 0U);
}

TEST(ExecutorPaid, AnOrphanEndsItsCallAndTheNextOneAnswersForIt) {
    Provider provider;
    ExecutorProcess first;
    first.start();
    configure(first, providers(provider.base_url()));
    order_picture(first, 7);
    ASSERT_TRUE(provider.was_asked(1));
    first.close_socket();

    ExecutorProcess second;
    second.start(first.hello());
    configure(second, providers(provider.base_url()));
    EXPECT_FALSE(second.frame(FrameType::adopted, milliseconds{400}).has_value()) << "the orphan lives";
    EXPECT_TRUE(process_exists(first.engine()));
    provider.open();
    expect_picture(first, second.answer(7), 7);
    EXPECT_TRUE(second.frame(FrameType::adopted).has_value());
    EXPECT_EQ(first.wait_for_nanny(), 0);
    EXPECT_EQ(provider.requests(), 1U);
}

TEST(ExecutorPaid, OfACallThatDiedNothingIsSaid) {
    Provider provider;
    ExecutorProcess first;
    first.start();
    configure(first, providers(provider.base_url()));
    order_picture(first, 7);
    ASSERT_TRUE(provider.was_asked(1));
    ::kill(first.engine(), SIGKILL);
    ASSERT_TRUE(first.wait_for_nanny().has_value());

    ExecutorProcess second;
    second.start(first.hello());
    configure(second, providers(provider.base_url()));
    EXPECT_TRUE(second.frame(FrameType::adopted).has_value());
    EXPECT_TRUE(second.answer(7, milliseconds{50}).is_null());
}

TEST(ExecutorPaid, AnOrphanMarksWhatNeverLeft) {
    ExecutorProcess first;
    leave_what_never_left(first, 7);

    ExecutorProcess second;
    second.start(first.hello());
    configure(second, providers("https://127.0.0.1:1"));
    const Json answer = second.answer(7);
    EXPECT_EQ(answer["outcome"], "not_sent") << answer;
    EXPECT_EQ(answer["lease"]["token"], 123456789);
    EXPECT_TRUE(second.frame(FrameType::adopted).has_value());
}

TEST(ExecutorPaid, ADrainLetsCallsEnd) {
    Provider provider;
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(provider.base_url()));
    order_picture(executor, 7);
    ASSERT_TRUE(provider.was_asked(1));
    executor.send(FrameType::drain);
    order_picture(executor, 8);
    EXPECT_EQ(executor.answer(8)["outcome"], "not_sent");
    provider.open();
    expect_picture(executor, executor.answer(7), 7);
    EXPECT_EQ(executor.wait_for_nanny(), 0);
    EXPECT_EQ(provider.requests(), 1U);
}

TEST(ExecutorPaid, ACancelledCallSaysThatItMayBeBilled) {
    Provider provider;
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(provider.base_url()));
    order_picture(executor, 7);
    ASSERT_TRUE(provider.was_asked(1));
    executor.send(FrameType::cancel, 7);
    const Json answer = executor.answer(7, milliseconds{1000});
    ASSERT_FALSE(answer.is_null()) << "not within a second";
    EXPECT_EQ(answer["error"]["class"], "cancelled");
    EXPECT_EQ(answer["sent"], true);
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("may be billed"), std::string::npos) << answer;
}

TEST(ExecutorPaid, WhatTheStoreRefusesIsStoredLaterFromTheSameReceipt) {
    Provider provider;
    provider.open();
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(provider.base_url()));
    write_file(executor.store() / "out", "in the way");
    order_picture(executor, 7);
    EXPECT_TRUE(executor.answer(7, milliseconds{400}).is_null());
    EXPECT_GE(spool_bytes(executor), picture_answer().size()) << "on disk before it is stored";
    fs::remove(executor.store() / "out");
    expect_picture(executor, executor.answer(7), 7);
    EXPECT_EQ(provider.requests(), 1U);
}

TEST(ExecutorPaid, WithoutASpoolNothingIsBought) {
    Provider provider;
    provider.open();
    ExecutorProcess executor;
    write_file(executor.spool(), "in the way");
    executor.start();
    configure(executor, providers(provider.base_url()));
    const auto alert = executor.frame(FrameType::alert);
    ASSERT_TRUE(alert.has_value());
    EXPECT_EQ(Json::parse(alert->payload)["kind"], "spool_unwritable");
    order_picture(executor, 7);
    const Json answer = executor.answer(7);
    EXPECT_EQ(answer["outcome"], "not_sent") << answer;
    EXPECT_GT(answer["error"]["retry_after_ms"], 0);
    executor.compose(8, "offline work goes on");
    EXPECT_EQ(executor.answer(8)["outcome"], "completed");
    EXPECT_EQ(provider.requests(), 0U);

    fs::remove(executor.spool());
    const auto resolved = executor.frame(FrameType::alert);
    ASSERT_TRUE(resolved.has_value());
    EXPECT_EQ(Json::parse(resolved->payload), (Json{{"kind", "spool_unwritable"}, {"resolved", true}}));
    order_picture(executor, 9);
    expect_picture(executor, executor.answer(9), 9);
}

TEST(ExecutorPaid, AFullSpoolBuysNothingUntilSomethingIsSettled) {
    Provider provider(100'000);
    provider.open();
    ExecutorProcess executor;
    Json hello = executor.hello();
    hello["spool_limit_bytes"] = 1 << 20;
    executor.start(hello);
    configure(executor, providers(provider.base_url()));
    std::uint64_t attempt = 0;
    Json answer;
    do {
        order_picture(executor, ++attempt);
        answer = executor.answer(attempt);
    } while (answer["outcome"] == "completed" && attempt < 100);
    ASSERT_EQ(answer["outcome"], "not_sent") << answer;
    EXPECT_EQ(Json::parse(executor.frame(FrameType::alert)->payload)["kind"], "spool_full");
    Json all = Json::array();
    for (std::uint64_t settled = 1; settled < attempt; ++settled)
        all.push_back(settled);
    executor.send(FrameType::settled, 0, all.dump());
    EXPECT_EQ(Json::parse(executor.frame(FrameType::alert)->payload)["resolved"], true);
    order_picture(executor, ++attempt);
    EXPECT_EQ(executor.answer(attempt)["outcome"], "completed");
}

TEST(ExecutorPaid, AKeyThatTheProviderEchoesIsTakenOut) {
    RawServer echo([](Peer& peer) {
        peer.read_request();
        peer.send(reply(400, R"({"error":{"code":400,"status":"INVALID_ARGUMENT","message":"bad: sk-planted-key"}})",
                        "Content-Type: application/json\r\n"));
    });
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers("http://127.0.0.1:" + std::to_string(echo.port())));
    order_picture(executor, 7);
    const Json answer = executor.answer(7);
    EXPECT_EQ(answer["error"]["class"], "invalid_request");
    EXPECT_EQ(answer.dump().find("sk-planted-key"), std::string::npos) << answer;
    EXPECT_EQ(executor.logs().find("sk-planted-key"), std::string::npos);
    for (const auto& entry : fs::directory_iterator(executor.spool())) {
        EXPECT_EQ(read_file(entry.path()).find("sk-planted-key"), std::string::npos) << entry.path();
    }
}

TEST(ExecutorPaid, WhatCannotBeAskedIsRefusedWithoutACall) {
    Provider provider;
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(provider.base_url(), {{"api_key_file", executor.directory() / "key"}}));
    order_picture(executor, 1);
    Json answer = executor.answer(1);
    EXPECT_EQ(answer["error"]["class"], "auth") << answer;
    EXPECT_EQ(answer["sent"], false);
    executor.order(2, "ai.text", {{"prompt", "a haiku"}}, 20'000, "nobody");
    answer = executor.answer(2);
    EXPECT_EQ(answer["error"]["class"], "invalid_request");
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("\"nobody\""), std::string::npos);
    EXPECT_EQ(provider.requests(), 0U);
}

}  // namespace
}  // namespace atelier::test
