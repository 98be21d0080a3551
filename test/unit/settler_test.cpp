#include "executor/settler.hpp"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "executor/spool.hpp"
#include "paid_rig.hpp"
#include "store_rig.hpp"

namespace atelier::test {
namespace {

std::shared_ptr<const executor::Receipt> receipt_for_bucket() {
    const Json head{{"lease", Json::object()}, {"kind", "gemini"},     {"task", "ai.image"},
                    {"store", "media"},        {"bucket", "pictures"}, {"key_prefix", "out/1"},
                    {"status", 200U},          {"duration_ms", 1U},    {"headers", Json::array()}};
    return std::make_shared<const executor::Receipt>(executor::Receipt{head, picture_answer()});
}

TEST(Settler, WhatIsPatientLeavesAClosedBucketAloneUntilItHasItsTurn) {
    ScriptedStore server;
    std::atomic<bool> works{false};
    server.then([&](const std::string&) { return works ? s3_stored() : reply(405, ""); });
    StoreRig rig(stores_frame(server.endpoint()));
    executor::Settler settler(rig.loop, rig.pool, rig.stores);
    for (const bool patient : {true, false}) {
        works = false;
        EXPECT_FALSE(rig.put("another", "bytes").result.ok());
        const std::size_t before = server.requests().size();
        std::optional<std::size_t> when_it_waits;
        std::string answer;
        settler.run(receipt_for_bucket(), {},
                    {[&](const executor::Answer& given) {
                         answer = given.text;
                         EXPECT_EQ(given.pace.kind, core::PaceKind::unknown) << "it is of the past";
                     },
                     [&] {
                         if (!when_it_waits) when_it_waits = server.requests().size();
                         works = true;
                     }},
                    patient);
        ASSERT_TRUE(rig.run_until([&] { return !answer.empty(); }));
        EXPECT_EQ(when_it_waits, before + (patient ? 0 : 1));
        EXPECT_EQ(Json::parse(answer)["outcome"], "completed") << answer;
    }
}

TEST(Settler, WhatTheJudgeThrowsIsAnAnswerAndNotTheEndOfTheExecutor) {
    ScriptedStore server;
    StoreRig rig(stores_frame(server.endpoint()));
    executor::Settler settler(rig.loop, rig.pool, rig.stores, [](const executor::Receipt&) -> executor::Judged {
        throw std::length_error("too long");
    });
    std::string answer;
    settler.run(receipt_for_bucket(), {}, {[&](const executor::Answer& given) { answer = given.text; }, {}});
    ASSERT_TRUE(rig.run_until([&] { return !answer.empty(); }));
    const Json told = Json::parse(answer);
    EXPECT_EQ(told["outcome"], "failed") << answer;
    EXPECT_EQ(told["error"]["class"], "invalid_output");
    EXPECT_EQ(told["error"]["message"], "the answer cannot be read: too long");
    EXPECT_EQ(told["sent"], true);
}

TEST(Settler, WithoutMemoryTheReceiptIsJudgedLater) {
    ScriptedStore server;
    server.then(s3_stored());
    StoreRig rig(stores_frame(server.endpoint()));
    std::atomic<int> asked{0};
    executor::Settler settler(rig.loop, rig.pool, rig.stores, [&](const executor::Receipt& receipt) {
        if (++asked == 1) throw std::bad_alloc();
        return executor::judge_receipt(receipt);
    });
    std::string answer;
    settler.run(receipt_for_bucket(), {}, {[&](const executor::Answer& given) { answer = given.text; }, {}});
    ASSERT_TRUE(rig.run_until([&] { return !answer.empty(); }));
    EXPECT_EQ(Json::parse(answer)["outcome"], "completed") << answer;
    EXPECT_EQ(asked, 2);
}

// Eight are read again from disk at a time; the others wait for one of them to end.
TEST(Settler, WhatIsCancelledWhileItWaitsForMemoryHoldsUpNoOther) {
    constexpr std::size_t all = 20;
    ScriptedStore server;
    std::atomic<bool> works{false};
    server.then([&](const std::string&) { return works ? s3_stored() : reply(503, ""); });
    StoreRig rig(stores_frame(server.endpoint()));
    const auto spool = executor::Spool::open((rig.directory.path() / "spool").string(), {1 << 24});
    ASSERT_TRUE(spool.ok());
    executor::Settler settler(rig.loop, rig.pool, rig.stores);
    std::vector<executor::Settler::TaskId> ids;
    std::vector<std::size_t> waiting;  // in the order in which they will have their turn
    std::size_t ended = 0;
    for (std::size_t i = 0; i < all; ++i) {
        const auto receipt = receipt_for_bucket();
        const auto place = (*spool)->append(executor::RecordType::receipt, i + 1, receipt->head, receipt->body);
        ASSERT_TRUE(place.ok());
        ids.push_back(settler.run(receipt, *place,
                                  {[&](const executor::Answer&) {
                                       // The first was the trial: now the others come. Two stand behind them all.
                                       if (++ended != 2) return;
                                       for (std::size_t next = 0; next + 2 < all; ++next)
                                           settler.cancel(ids[waiting[next]]);
                                   },
                                   [&, i] {
                                       std::erase(waiting, i);
                                       waiting.push_back(i);
                                       works = waiting.size() == all;
                                   }}));
    }
    EXPECT_TRUE(rig.run_until([&] { return ended == all; })) << ended << " of " << all << " ended";
}

}  // namespace
}  // namespace atelier::test
