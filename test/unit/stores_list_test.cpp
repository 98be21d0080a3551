// Stores are listed page by page.

#include <gtest/gtest.h>

#include "executor/s3_list.hpp"
#include "store_rig.hpp"

namespace atelier::test {
namespace {

using executor::listing_of;
using storage::Listing;
using storage::ListWish;
using storage::s3::ListPage;

ListPage page_of(const std::vector<std::string>& keys, bool is_last) {
    ListPage page;
    for (const std::string& key : keys)
        page.objects.push_back({key, 1, 7});
    page.is_last = is_last;
    return page;
}

TEST(S3ListPage, GoesOnBehindItsLastKey) {
    EXPECT_EQ(listing_of({"", "", 1000}, page_of({"a", "b"}, false))->next, "b");
    EXPECT_EQ(listing_of({"", "", 1000}, page_of({"a", "b"}, true))->next, "");
    EXPECT_EQ(listing_of({"", "", 1000}, page_of({}, true))->objects.size(), 0U);
}

TEST(S3ListPage, IsCutWhereTheWishEnds) {
    const auto few = listing_of({"", "", 1}, page_of({"a", "b"}, true));
    EXPECT_EQ(few->objects.size(), 1U);
    EXPECT_EQ(few->next, "a");
    const auto short_keys = listing_of({"", "", 1000, 5}, page_of({"aaa", "bbb"}, true));
    EXPECT_EQ(short_keys->objects.size(), 1U);
    EXPECT_EQ(short_keys->next, "aaa");
}

TEST(S3ListPage, PassesOverWhatNoOrderCouldName) {
    const auto listing = listing_of({"", "", 1000}, page_of({"/a", "a/", "b", "b\x01"}, false));
    ASSERT_TRUE(listing.ok());
    ASSERT_EQ(listing->objects.size(), 1U);
    EXPECT_EQ(listing->objects[0].key, "b");
    EXPECT_EQ(listing->next, "b\x01");
    EXPECT_FALSE(listing_of({"", "", 1000}, page_of({"a", "b\xFF"}, false)).ok()) << "nobody could go on there";
    EXPECT_TRUE(listing_of({"", "", 1000}, page_of({"a", "b\xFF"}, true)).ok());
}

TEST(S3ListPage, OfAnotherOrderOrAnotherPlaceIsRefused) {
    EXPECT_FALSE(listing_of({"", "", 1000}, page_of({"b", "a"}, true)).ok());
    EXPECT_FALSE(listing_of({"", "", 1000}, page_of({"a", "a"}, true)).ok());
    EXPECT_FALSE(listing_of({"", "a", 1000}, page_of({"a", "b"}, true)).ok()) << "a server that knows no start-after";
    EXPECT_FALSE(listing_of({"b", "", 1000}, page_of({"a"}, true)).ok());
}

TEST(StoresList, AsksAndReads) {
    ScriptedStore server;
    server.then(reply(200,
                      "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>p/b</Key><LastModified>"
                      "2026-11-21T10:00:00.000Z</LastModified><Size>5</Size></Contents></ListBucketResult>"));
    StoreRig rig(stores_frame(server.endpoint()));
    std::optional<executor::StoreEnd<Listing>> end;
    rig.stores.list("media", "pictures", {"p/", "p/a", 100},
                    [&](executor::StoreEnd<Listing> result) { end = std::move(result); });
    ASSERT_TRUE(rig.run_until([&] { return end.has_value(); }));
    ASSERT_TRUE(end->result.ok()) << end->result.error().message;
    EXPECT_EQ(end->result->next, "p/b");
    EXPECT_EQ(end->result->objects.at(0).size, 5U);
    EXPECT_EQ(server.lines().at(0),
              "GET /pictures/?encoding-type=url&list-type=2&max-keys=100&prefix=p%2F&start-after=p%2Fa");
}

TEST(StoresList, NamesTheStoreThatFails) {
    ScriptedStore server;
    server.then(s3_error(404, "NoSuchBucket"));
    StoreRig rig(stores_frame(server.endpoint()));
    std::vector<executor::StoreEnd<Listing>> ends;
    for (const char* store : {"media", "other"})
        rig.stores.list(store, "pictures", {"", "", 100},
                        [&](executor::StoreEnd<Listing> result) { ends.push_back(std::move(result)); });
    ASSERT_TRUE(rig.run_until([&] { return ends.size() == 2; }));
    expect_failed(ends.at(0), ErrorClass::storage_failed, "\"other\" is not configured");
    EXPECT_FALSE(ends.at(1).result.ok());
    EXPECT_NE(ends.at(1).result.error().message.find("\"media\""), std::string::npos);
}

}  // namespace
}  // namespace atelier::test
