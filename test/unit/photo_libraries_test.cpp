// Servers of photos: where their pictures are fetched from, how long for, and what is kept of what they say.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "executor/file_facts.hpp"
#include "executor/photo_libraries.hpp"
#include "played_system.hpp"
#include "store_rig.hpp"

namespace atelier::test {
namespace {

using executor::PhotoLibraries;
using executor::StoreEnd;
using storage::StoredObject;

constexpr const char* key = "very-secret-access-key";

Json library_entry(const std::string& base_url) {
    return {{"name", "unsplash"},
            {"base_url", base_url},
            {"connect_timeout_ms", 2000},
            {"progress_timeout_ms", 20'000},
            {"api_key", key}};
}

std::string libraries_frame(const std::string& base_url) {
    return Json{{"photo_libraries", Json::array({library_entry(base_url)})}}.dump();
}

void answer_each(Peer& peer) {
    while (!peer.read_request().empty())
        peer.send(reply(200, tiny_png()));
}

StoreEnd<StoredObject> fetch(StoreRig& rig, const std::string& url, const executor::FetchLimits& limits = {1'000'000}) {
    std::optional<StoreEnd<StoredObject>> end;
    rig.stores.photos().fetch("unsplash", "photo", url, limits,
                              [&](StoreEnd<StoredObject> result) { end = std::move(result); });
    EXPECT_TRUE(rig.run_until([&] { return end.has_value(); }));
    return std::move(*end);
}

// Wherever it is: who configured it knows.
TEST(PhotoLibraries, TheConfiguredServerMayHaveAPrivateAddress) {
    RawServer server(answer_each);
    const std::string base = server.url_of_host("http", "good.test");
    StoreRig rig(libraries_frame(base));
    const auto end = fetch(rig, base + "/pictures/a");
    ASSERT_TRUE(end.result.ok()) << end.result.error().message;
    EXPECT_EQ(*executor::read_file(end.result->fd.get(), 0, end.result->size), tiny_png());
}

TEST(PhotoLibraries, AServerOnThisMachineOpensNoOtherPort) {
    RawServer server(answer_each);
    RawServer other(answer_each);
    StoreRig rig(libraries_frame(server.url("")));
    EXPECT_TRUE(fetch(rig, server.url("/pictures/a")).result.ok());
    expect_failed(fetch(rig, other.url("/pictures/a")), ErrorClass::invalid_request, "of another server");
    expect_failed(fetch(rig, other.url_of_host("http", "good.test") + "/a"), ErrorClass::invalid_request,
                  "of another server");
    EXPECT_EQ(other.connections(), 0);
}

TEST(PhotoLibraries, AKeyThatIsEchoedInAGoodAnswerIsTakenOut) {
    RawServer server([&server](Peer& peer) {
        const Json links{{"html", "https://unsplash.com/a"}, {"download_location", server.url("/photos/a/download")}};
        const Json photo{{"id", "a"},
                         {"alt_description", std::string("a room ") + key},
                         {"urls", {{"raw", server.url("/pictures/a")}}},
                         {"links", links},
                         {"user", {{"name", key}, {"links", {{"html", "https://unsplash.com/@a"}}}}}};
        while (!peer.read_request().empty())
            peer.send(reply(200, photo.dump()));
    });
    StoreRig rig(libraries_frame(server.url("")));
    std::optional<StoreEnd<PhotoLibraries::Photo>> end;
    rig.stores.photos().look_up("unsplash", "a",
                                [&](StoreEnd<PhotoLibraries::Photo> result) { end = std::move(result); });
    ASSERT_TRUE(rig.run_until([&] { return end.has_value(); }));
    ASSERT_TRUE(end->result.ok()) << end->result.error().message;
    EXPECT_EQ(end->result->description, "a room [redacted]");
    EXPECT_EQ(end->result->photographer, "[redacted]");
}

TEST(PhotoLibraries, IsWaitedForNoLongerThanTheOrderHas) {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.wait_for_close();
    });
    StoreRig rig(libraries_frame(server.url("")));
    const core::Instant begin = core::now();
    const auto end = fetch(rig, server.url("/a"), {.max_bytes = 1000, .until = begin + core::Milliseconds{200}});
    expect_failed(end, ErrorClass::storage_failed, "no answer from 127.0.0.1");
    EXPECT_LT(core::elapsed(begin, core::now()), core::Milliseconds{10'000});
}

TEST(PhotoLibraries, OfAFrameWithABadStoreNothingIsTaken) {
    StoreRig rig;
    const Json frame{{"photo_libraries", Json::array({library_entry("https://api.unsplash.com")})},
                     {"stores", Json::array({{{"name", "media"}}})}};
    EXPECT_FALSE(rig.stores.set_stores(frame.dump()).ok());
    EXPECT_FALSE(rig.stores.photos().knows("unsplash"));
    const Json other{{"photo_libraries", Json::array({{{"name", "unsplash"}}})},
                     {"stores", Json::array({store_entry("http://127.0.0.1:1")})}};
    EXPECT_FALSE(rig.stores.set_stores(other.dump()).ok());
    EXPECT_TRUE(rig.stores.unusable("media"));
}

}  // namespace
}  // namespace atelier::test
