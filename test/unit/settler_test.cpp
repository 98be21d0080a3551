#include "executor/settler.hpp"

#include <gtest/gtest.h>

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
                    {[&](const std::string& text) { answer = text; },
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

}  // namespace
}  // namespace atelier::test
