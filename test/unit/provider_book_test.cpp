#include "executor/provider_book.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/json.hpp"
#include "temporary_directory.hpp"

namespace atelier::executor {
namespace {

using core::ErrorClass;
using core::Json;

Json entry(const std::string& name, Json key = {{"api_key", "sk-secret"}}) {
    Json json{{"name", name},
              {"kind", "gemini"},
              {"base_url", "http://127.0.0.1:1"},
              {"api_version", "v1beta"},
              {"connect_timeout_ms", 10'000},
              {"progress_timeout_ms", 180'000}};
    json.update(key);
    return json;
}

std::string frame(std::vector<Json> entries) {
    return Json{{"providers", std::move(entries)}}.dump();
}

ProviderConfig config_with(Json key) {
    ProviderBook book;
    EXPECT_TRUE(book.replace(frame({entry("p", std::move(key))})).ok());
    return *book.find("p");
}

TEST(ProviderBook, HoldsWhatTheLastFrameSaid) {
    ProviderBook book;
    ASSERT_TRUE(book.replace(frame({entry("a"), entry("b")})).ok());
    ASSERT_TRUE(book.replace(frame({entry("b")})).ok());
    EXPECT_EQ(book.find("a"), nullptr);
    const ProviderConfig* config = book.find("b");
    ASSERT_NE(config, nullptr);
    EXPECT_EQ(config->endpoint.kind, provider::Kind::gemini);
    EXPECT_EQ(config->endpoint.base_url, "http://127.0.0.1:1");
    EXPECT_EQ(config->endpoint.api_version, "v1beta");
    EXPECT_EQ(config->connect_timeout, core::Milliseconds{10'000});
    EXPECT_EQ(config->progress_timeout, core::Milliseconds{180'000});
}

TEST(ProviderBook, ABadFrameChangesNothing) {
    ProviderBook book;
    ASSERT_TRUE(book.replace(frame({entry("a")})).ok());
    Json unknown_kind = entry("b");
    unknown_kind["kind"] = "oracle";
    Json no_clock = entry("b");
    no_clock["progress_timeout_ms"] = 0;
    for (const std::string& payload : {std::string("x"), std::string("{}"), frame({entry("")}), frame({unknown_kind}),
                                       frame({no_clock}), frame({entry("b", Json::object())})}) {
        const auto replaced = book.replace(payload);
        ASSERT_FALSE(replaced.ok()) << payload;
        EXPECT_EQ(replaced.error().message.find("sk-secret"), std::string::npos);
        EXPECT_NE(book.find("a"), nullptr);
    }
}

TEST(ReadKey, FromTheMapping) {
    const auto key = read_key(config_with({{"api_key", "sk-secret"}}));
    ASSERT_TRUE(key.ok());
    EXPECT_EQ(*key, "sk-secret");
}

TEST(ReadKey, WhyThereIsNone) {
    const auto key = read_key(config_with({{"key_error", "environment variable X is not set"}}));
    ASSERT_FALSE(key.ok());
    EXPECT_EQ(key.error().cls, ErrorClass::auth);
    EXPECT_EQ(key.error().message, "environment variable X is not set");
}

TEST(ReadKey, AFileIsReadAnewEachTime) {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "key";
    const ProviderConfig config = config_with({{"api_key_file", path.string()}});
    EXPECT_FALSE(read_key(config).ok());
    test::write_file(path, "first\n");
    EXPECT_EQ(*read_key(config), "first");
    test::write_file(path, "second \r\n");
    EXPECT_EQ(*read_key(config), "second");
}

// A line break in a key would be a header of somebody's own.
TEST(ReadKey, AFileThatHoldsNoKeyIsRefusedWithoutQuotingIt) {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "key";
    const ProviderConfig config = config_with({{"api_key_file", path.string()}});
    for (const std::string& content :
         {std::string(), std::string("\n"), std::string("two words"), std::string("a\r\nHost: b"),
          std::string("k\0y", 3), std::string("schl\xc3\xbcssel"), std::string(4097, 'k')}) {
        test::write_file(path, content);
        const auto key = read_key(config);
        ASSERT_FALSE(key.ok()) << content;
        EXPECT_EQ(key.error().cls, ErrorClass::auth);
        EXPECT_NE(key.error().message.find(path.string()), std::string::npos);
        if (!content.empty() && content != "\n") {
            EXPECT_EQ(key.error().message.find(content), std::string::npos);
        }
    }
    ASSERT_EQ(::mkfifo((directory.path() / "fifo").c_str(), 0600), 0);
    EXPECT_FALSE(read_key(config_with({{"api_key_file", (directory.path() / "fifo").string()}})).ok());
    EXPECT_FALSE(read_key(config_with({{"api_key_file", directory.path().string()}})).ok());
}

}  // namespace
}  // namespace atelier::executor
