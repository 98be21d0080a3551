// Orders of photos that stay where they are, and the servers that they are of.

#include <gtest/gtest.h>

#include "core/json.hpp"
#include "executor/object_ref.hpp"
#include "executor/order.hpp"
#include "executor/photo_book.hpp"

namespace atelier::executor {
namespace {

using core::Json;

Order parse(const std::string& action, const Json& request) {
    const Json order{{"lease", {{"job", "j"}}}, {"action", action},  {"provider", "unsplash"}, {"model", ""},
                     {"timeout_ms", 1500},      {"request", request}};
    return parse_order(7, order.dump());
}

TEST(PhotoOrder, Import) {
    const Order order = parse("storage.head", {{"library", "unsplash"}, {"photo", "aB3-_"}});
    ASSERT_TRUE(order.request.ok()) << order.request.error().message;
    EXPECT_EQ(std::get<ImportRequest>(*order.request).photo_library, "unsplash");
    EXPECT_EQ(std::get<ImportRequest>(*order.request).photo_id, "aB3-_");
    for (const Json& bad :
         {Json{{"photo", "a"}}, Json{{"library", "u"}, {"photo", "a/b"}}, Json{{"library", "u"}, {"photo", 7}}})
        EXPECT_FALSE(parse("storage.head", bad).request.ok()) << bad;
}

TEST(PhotoOrder, TellOfUse) {
    const Order order = parse("http.request", {{"library", "unsplash"}, {"download_location", "https://a.test/b"}});
    ASSERT_TRUE(order.request.ok());
    EXPECT_EQ(std::get<TellOfUseRequest>(*order.request).download_location, "https://a.test/b");
    for (const Json& bad : {Json{{"library", "u"}}, Json{{"download_location", "https://a.test"}}, Json::object()})
        EXPECT_FALSE(parse("http.request", bad).request.ok()) << bad;
}

TEST(PhotoOrder, APictureByItsAddressIsBoundToNoHash) {
    const auto photo =
        parse_object_ref({{"store", "unsplash"}, {"key", "clients/c/photos/a"}, {"url", "https://a.test/b"}});
    ASSERT_TRUE(photo.ok());
    EXPECT_EQ(photo->url, "https://a.test/b");
    EXPECT_FALSE((InputPicture{"scene", *photo, ""}).is_fixed());
    EXPECT_FALSE(parse_object_ref({{"store", "unsplash"}, {"key", "a"}}).ok());
    // An object in a bucket is what its hash says, whatever address stands beside it.
    const auto stored =
        parse_object_ref({{"store", "media"}, {"bucket", "b"}, {"key", "a"}, {"url", "https://a.test/b"}});
    ASSERT_TRUE(stored.ok());
    EXPECT_EQ(stored->url, "");
    EXPECT_TRUE((InputPicture{"scene", *stored, ""}).is_fixed());
    EXPECT_TRUE((InputPicture{"scene", *parse_object_ref({{"store", "file"}, {"key", "a"}}), ""}).is_fixed());
}

TEST(PhotoBook, HoldsWhatTheLastFrameSaid) {
    const auto frame = [](const Json& entries) {
        return Json{{"providers", Json::array()}, {"photo_libraries", entries}}.dump();
    };
    const Json entry{{"name", "u"},
                     {"base_url", "https://api.unsplash.com"},
                     {"connect_timeout_ms", 5},
                     {"progress_timeout_ms", 6},
                     {"api_key", "k"}};
    PhotoBook book;
    ASSERT_TRUE(book.replace(frame(Json::array({entry}))).ok());
    const auto library = book.find("u");
    ASSERT_NE(library, nullptr);
    EXPECT_EQ(library->base_url, "https://api.unsplash.com");
    EXPECT_EQ(library->connect_timeout, core::Milliseconds{5});
    EXPECT_EQ(*read_key(*library), "k");
    for (const char* name : {"name", "base_url", "connect_timeout_ms", "api_key"}) {
        Json bad = entry;
        bad.erase(name);
        EXPECT_FALSE(book.replace(frame(Json::array({bad}))).ok()) << name;
        EXPECT_NE(book.find("u"), nullptr);
    }
    ASSERT_TRUE(book.replace(R"({"providers":[]})").ok());
    EXPECT_EQ(book.find("u"), nullptr);
}

}  // namespace
}  // namespace atelier::executor
