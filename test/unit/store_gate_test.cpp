#include "executor/store_gate.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "store_rig.hpp"

namespace atelier::test {
namespace {

using executor::StoreGate;

const core::Error down{ErrorClass::storage_failed, "down"};

class StoreGateTest : public testing::Test {
  protected:
    void run_for(milliseconds time) {
        loop_.at(core::now() + time, [this] { loop_.stop(); });
        loop_.run();
    }

    executor::EventLoop loop_;
    StoreGate gate_{loop_};
};

TEST_F(StoreGateTest, OneAtATimeTriesAndAllGoWhenItIsOpen) {
    const auto start = core::now();
    gate_.failed(down, start, start);
    std::vector<int> gone;
    for (int i = 0; i < 3; ++i)
        gate_.wait([&gone, i] { gone.push_back(i); });
    run_for(milliseconds{150});
    EXPECT_TRUE(gone.empty());
    run_for(milliseconds{300});
    EXPECT_EQ(gone, std::vector<int>{0}) << "after a quarter of a second, one";
    gate_.failed(down, start, core::now());
    gate_.wait([&gone] { gone.push_back(0); });
    run_for(milliseconds{300});
    EXPECT_EQ(gone.size(), 1U) << "the pause has doubled";
    run_for(milliseconds{400});
    EXPECT_EQ(gone, (std::vector<int>{0, 1})) << "the next in the queue";
    gate_.worked(core::now());
    run_for(milliseconds{50});
    EXPECT_EQ(gone, (std::vector<int>{0, 1, 2, 0}));
    EXPECT_EQ(gate_.failure(), nullptr);
}

TEST_F(StoreGateTest, WhoLeavesIsNotCalled) {
    gate_.failed(down, core::now(), core::now());
    int called = 0;
    gate_.leave(gate_.wait([&] { ++called; }));
    gate_.worked(core::now());
    run_for(milliseconds{50});
    EXPECT_EQ(called, 0);
}

TEST_F(StoreGateTest, WhileItIsClosedOneIsLetInWhenItIsTime) {
    const auto start = core::now();
    EXPECT_TRUE(gate_.admits(start));
    gate_.failed(down, start, start);
    EXPECT_FALSE(gate_.admits(start + milliseconds{249}));
    EXPECT_TRUE(gate_.admits(start + milliseconds{250}));
    EXPECT_FALSE(gate_.admits(start + milliseconds{300})) << "one tries already";
    EXPECT_TRUE(gate_.admits(start + milliseconds{31'000})) << "of which nothing was heard";
    gate_.wait([] {});
    EXPECT_FALSE(gate_.admits(start + milliseconds{90'000})) << "somebody waits who can try";
}

TEST_F(StoreGateTest, FailuresOfTheSameMomentCountOnce) {
    const auto start = core::now();
    for (int i = 0; i < 20; ++i)
        gate_.failed(down, start, start);
    EXPECT_TRUE(gate_.admits(start + milliseconds{250}));
}

TEST_F(StoreGateTest, WhatOtherObjectsProveWrongClosesNothing) {
    const auto start = core::now();
    gate_.failed(down, start, start);
    gate_.worked(start + milliseconds{10});
    gate_.failed(down, start, start + milliseconds{20});
    EXPECT_EQ(gate_.failure(), nullptr);
    gate_.failed(down, start + milliseconds{15}, start + milliseconds{20});
    EXPECT_NE(gate_.failure(), nullptr);
}

TEST_F(StoreGateTest, AKnockLetsTheNextTryAtOnce) {
    gate_.failed(down, core::now(), core::now());
    int called = 0;
    gate_.wait([&] { ++called; });
    gate_.knock();
    run_for(milliseconds{50});
    EXPECT_EQ(called, 1);
}

std::vector<std::string> kinds(const std::vector<executor::Notice>& notices) {
    std::vector<std::string> kinds;
    for (const executor::Notice& notice : notices)
        kinds.push_back(notice.kind + (notice.resolved ? " resolved" : ""));
    return kinds;
}

TEST(StoresGate, TheDbaIsToldOnceAndWhenItIsOver) {
    ScriptedStore server;
    std::atomic<bool> works{false};
    server.then([&](const std::string&) { return works ? s3_stored() : s3_error(400, "InvalidArgument"); });
    StoreRig rig(stores_frame(server.endpoint()));
    EXPECT_FALSE(rig.stores.closed("media", "pictures"));
    EXPECT_FALSE(rig.put("a", "bytes").result.ok());
    EXPECT_FALSE(rig.put("b", "bytes").result.ok());
    const auto reason = rig.stores.closed("media", "pictures");
    ASSERT_TRUE(reason);
    EXPECT_NE(reason->find("the store \"media\" takes no objects"), std::string::npos) << *reason;
    EXPECT_FALSE(rig.stores.closed("media", "other")) << "another bucket";
    ASSERT_EQ(kinds(rig.notices), std::vector<std::string>{"store_unavailable"});
    EXPECT_NE(rig.notices[0].message.find("\"media\""), std::string::npos);
    EXPECT_NE(rig.notices[0].message.find("InvalidArgument"), std::string::npos) << rig.notices[0].message;
    works = true;
    EXPECT_TRUE(rig.put("c", "bytes").result.ok());
    EXPECT_FALSE(rig.stores.closed("media", "pictures"));
    EXPECT_EQ(kinds(rig.notices), (std::vector<std::string>{"store_unavailable", "store_unavailable resolved"}));
}

TEST(StoresGate, TheTroubleOfOneObjectClosesNothing) {
    ScriptedStore server;
    server.then(s3_error(400, "EntityTooLarge"))
        .then(s3_error(412, "PreconditionFailed"))
        .then(s3_facts(5, core::sha256_hex("other")))
        .then(reply(405, ""));
    StoreRig rig(stores_frame(server.endpoint()));
    expect_failed(rig.put("a", "bytes"), ErrorClass::invalid_request, "EntityTooLarge");
    EXPECT_FALSE(rig.stores.closed("media", "pictures"));
    expect_failed(rig.put("b", "bytes"), ErrorClass::invalid_request, "another object");
    EXPECT_FALSE(rig.stores.closed("media", "pictures"));
    EXPECT_TRUE(rig.notices.empty());
    expect_failed(rig.put("c", "bytes"), ErrorClass::invalid_request, "405");
    EXPECT_TRUE(rig.stores.closed("media", "pictures")) << "that server takes no object at all";
}

TEST(StoresGate, WhatCannotBeReadForItsCredentialsIsTold) {
    ScriptedStore server;
    server.then(s3_error(403, "AccessDenied"));
    StoreRig rig(stores_frame(server.endpoint()));
    EXPECT_FALSE(rig.stores.unreadable("media", "pictures"));
    expect_failed(rig.fetch("a"), ErrorClass::auth, "AccessDenied");
    EXPECT_TRUE(rig.stores.unreadable("media", "pictures"));
    EXPECT_FALSE(rig.stores.closed("media", "pictures")) << "it may take objects all the same";
    ASSERT_TRUE(rig.stores.set_stores(stores_frame(server.endpoint(), {{"region", "elsewhere"}})).ok());
    EXPECT_FALSE(rig.stores.unreadable("media", "pictures"));
    EXPECT_EQ(kinds(rig.notices), (std::vector<std::string>{"store_unavailable", "store_unavailable resolved"}));
}

TEST(StoresGate, TheStoreFileHasOneToo) {
    StoreRig rig;
    write_file(rig.directory.path() / "store/out", "in the way");
    EXPECT_FALSE(rig.put("out/a", "bytes", "file").result.ok());
    EXPECT_TRUE(rig.stores.closed("file", ""));
    EXPECT_TRUE(rig.put("b", "bytes", "file").result.ok());
    EXPECT_FALSE(rig.stores.closed("file", ""));
    EXPECT_EQ(read_file(rig.directory.path() / "store/b"), "bytes");
}

TEST(StoresGate, AStoreThatIsNotConfiguredIsNamed) {
    StoreRig rig;
    expect_failed(rig.fetch("a"), ErrorClass::storage_failed, "the store \"media\" is not configured");
    expect_failed(rig.put("a", "bytes"), ErrorClass::storage_failed, "the store \"media\" is not configured");
    expect_failed(rig.remove({"a"}), ErrorClass::storage_failed, "the store \"media\" is not configured");
}

TEST(StoresGate, AStoreThatIsToldOfTakesOrdersAtOnce) {
    ScriptedStore server;
    server.then(s3_stored());
    StoreRig rig;
    EXPECT_FALSE(rig.put("a", "bytes").result.ok());
    EXPECT_TRUE(rig.stores.closed("media", "pictures").has_value());
    ASSERT_TRUE(rig.stores.set_stores(stores_frame(server.endpoint())).ok());
    EXPECT_EQ(rig.stores.closed("media", "pictures"), std::nullopt);
    EXPECT_EQ(rig.stores.closed("media", "pictures"), std::nullopt) << "not one of them alone";
}

}  // namespace
}  // namespace atelier::test
