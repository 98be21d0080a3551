#include "core/store_key.hpp"

#include <gtest/gtest.h>

namespace atelier::core {
namespace {

using namespace std::string_view_literals;

TEST(StoreKey, LegalKeys) {
    for (const auto& key : {std::string("a"), std::string("clients/0b5/generated/x.png"), std::string("a/.b/..c/..."),
                            std::string("sp ace/\xC3\xA9"), std::string(255, 'a'),
                            std::string(255, 'a') + "/" + std::string(255, 'b') + "/" + std::string(255, 'c') + "/" +
                                std::string(256 - 1, 'd')}) {
        EXPECT_TRUE(check_store_key(key).ok()) << key;
    }
}

TEST(StoreKey, IllegalKeys) {
    const std::string long_part(256, 'a');
    std::string long_key = "a";
    while (long_key.size() <= max_store_key_bytes)
        long_key += "/a";
    for (const std::string_view key :
         {""sv, "/"sv, "/etc/passwd"sv, ".."sv, "../x"sv, "a/../b"sv, "a/.."sv, "."sv, "a/./b"sv, "a//b"sv, "a/"sv,
          "a\0b"sv, "a\nb"sv, "a\\b"sv, "\xFF"sv, "a\x7F"sv, std::string_view(long_part), std::string_view(long_key)}) {
        const auto result = check_store_key(key);
        ASSERT_FALSE(result.ok()) << key;
        EXPECT_EQ(result.error().cls, ErrorClass::invalid_request);
    }
}

TEST(StoreKey, PartsOfAnObjectKeyAreNoFileNames) {
    for (const auto& key : {std::string(1024, 'a'), std::string("a\\b"), std::string("clients/0b5/generated/x.png")})
        EXPECT_TRUE(check_object_key(key).ok()) << key;
    for (const std::string_view key : {""sv, "/a"sv, "a//b"sv, "a/"sv, "a/../b"sv, "a\nb"sv, "\xFF"sv})
        EXPECT_FALSE(check_object_key(key).ok()) << key;
    EXPECT_FALSE(check_object_key(std::string(1025, 'a')).ok());
}

}  // namespace
}  // namespace atelier::core
