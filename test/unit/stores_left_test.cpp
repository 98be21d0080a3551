// What is said of a put that failed: whether the object may be there all the same.

#include <gtest/gtest.h>

#include "store_rig.hpp"

namespace atelier::test {
namespace {

TEST(StoresLeft, OfAPutWithoutAnAnswerSomethingMayBeLeft) {
    ScriptedStore server;
    server.then("");
    StoreRig rig(stores_frame(server.endpoint()));
    const auto end = rig.put("a.png", "bytes");
    expect_failed(end, ErrorClass::storage_failed, "closed the connection");
    EXPECT_TRUE(end.may_be_left);
    EXPECT_EQ(server.requests().size(), 3U);

    ScriptedStore refusing;
    refusing.then(s3_error(400, "InvalidArgument"));
    StoreRig other(stores_frame(refusing.endpoint()));
    const auto refused = other.put("a.png", "bytes");
    expect_failed(refused, ErrorClass::invalid_request, "InvalidArgument");
    EXPECT_FALSE(refused.may_be_left);
    EXPECT_EQ(refusing.requests().size(), 1U);
}

TEST(StoresLeft, OfAPutThatAServerFailedToAnswerSomethingMayBeLeft) {
    for (const std::string& answer : {reply(500, ""), reply(502, "<html>"), reply(504, ""), reply(200, "")}) {
        ScriptedStore server;
        server.then(answer).then(answer).then(s3_error(403, "AccessDenied"));
        StoreRig rig(stores_frame(server.endpoint()));
        const auto end = rig.put("a.png", "bytes");
        expect_failed(end, ErrorClass::auth, "AccessDenied");
        EXPECT_TRUE(end.may_be_left) << answer;
    }
}

TEST(StoresLeft, WhatTookTheKeyMeanwhileIsOursWhenNothingTellsIt) {
    for (const auto& [sha256, may_be_left] : {std::pair{std::string(), true}, {core::sha256_hex("other"), false}}) {
        ScriptedStore server;
        server.then(reply(500, "")).then(s3_error(412, "PreconditionFailed")).then(s3_facts(5, sha256));
        StoreRig rig(stores_frame(server.endpoint()));
        const auto end = rig.put("a.png", "bytes");
        expect_failed(end, ErrorClass::invalid_request, "another object has the key \"a.png\"");
        EXPECT_EQ(end.may_be_left, may_be_left);
    }
}

TEST(StoresLeft, ACancelledPutSaysThatSomethingMayBeLeft) {
    RawServer silent([](Peer& peer) {
        peer.read_request();
        peer.wait_for_close();
    });
    StoreRig rig(stores_frame(silent.url("")));
    std::optional<executor::StoreEnd<executor::Stored>> end;
    const auto work = rig.stores.put("media", "pictures", StoreRig::object("k", "bytes"), core::now(),
                                     [&](auto result) { end = std::move(result); });
    ASSERT_TRUE(rig.run_until([&] { return silent.requests().size() == 1; }));
    const auto start = core::now();
    work.lock()->cancel();
    EXPECT_TRUE(rig.run_until([&] { return end.has_value(); }));
    EXPECT_LT(core::now() - start, milliseconds{500});
    expect_failed(*end, ErrorClass::cancelled, "cancelled");
    EXPECT_TRUE(end->may_be_left);
}

TEST(StoresLeft, WhoWaitsForTheTrialOfAnotherIsCancelledAtOnce) {
    RawServer silent([](Peer& peer) {
        peer.read_request();
        peer.wait_for_close();
    });
    StoreRig rig(stores_frame(silent.url("")));
    rig.stores.put("media", "pictures", StoreRig::object("k", "bytes"), core::now(), [](const auto&) {});
    ASSERT_TRUE(rig.run_until([&] { return silent.requests().size() == 1; }));
    std::optional<executor::StoreEnd<executor::Stored>> end;
    const auto work = rig.stores.put("media", "pictures", StoreRig::object("l", "bytes"), core::now(),
                                     [&](auto result) { end = std::move(result); });
    rig.run_until([&] { return end.has_value(); }, milliseconds{200});
    const auto start = core::now();
    work.lock()->cancel();
    EXPECT_TRUE(rig.run_until([&] { return end.has_value(); }));
    EXPECT_LT(core::now() - start, milliseconds{500});
    expect_failed(*end, ErrorClass::cancelled, "cancelled");
    EXPECT_FALSE(end->may_be_left);
}

}  // namespace
}  // namespace atelier::test
