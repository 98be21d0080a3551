#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/build_id.hpp"
#include "core/clock.hpp"
#include "core/error_class.hpp"
#include "core/image_kind.hpp"
#include "core/result.hpp"
#include "core/sha256.hpp"

namespace atelier::core {
namespace {

using namespace std::string_view_literals;

TEST(ErrorClass, EveryWordGoesThereAndBack) {
    std::set<std::string_view> words;
    for (int i = 0; i <= static_cast<int>(ErrorClass::cancelled); ++i) {
        const auto error_class = static_cast<ErrorClass>(i);
        const auto word = to_string(error_class);
        EXPECT_EQ(error_class_from_string(word), error_class);
        words.insert(word);
    }
    const std::set<std::string_view> expected{"rate_limited",    "overloaded",      "network",         "timeout",
                                              "outcome_unknown", "content_blocked", "invalid_request", "auth",
                                              "no_credit",       "no_output",       "invalid_output",  "storage_failed",
                                              "worker_lost",     "cancelled"};
    EXPECT_EQ(words, expected);
    EXPECT_EQ(error_class_from_string("Timeout"), std::nullopt);
    EXPECT_EQ(error_class_from_string(""), std::nullopt);
}

TEST(Result, HoldsAValueOrAnError) {
    const Result<std::string> good("picture");
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(good->size(), 7U);
    const Result<std::string> bad(Error{ErrorClass::timeout, "late"});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().cls, ErrorClass::timeout);
    EXPECT_TRUE(Result<void>());
    EXPECT_EQ(Result<void>(Error{ErrorClass::auth, "no"}).error().message, "no");
}

TEST(BuildId, IsVersionAndTwelveHexDigits) {
    const std::string id(build_id());
    ASSERT_GT(id.size(), 13U);
    EXPECT_EQ(id[id.size() - 13], '-');
    EXPECT_EQ(id.substr(id.size() - 12).find_first_not_of("0123456789abcdef"), std::string::npos) << id;
    const std::string version = id.substr(0, id.size() - 13);
    EXPECT_EQ(version.find_first_not_of("0123456789."), std::string::npos) << id;
    EXPECT_EQ(std::count(version.begin(), version.end(), '.'), 2) << id;
}

TEST(Clock, ElapsedTimeIsNeverNegative) {
    const Instant start = now();
    EXPECT_EQ(elapsed(start, start + std::chrono::microseconds(1999)), Milliseconds{1});
    EXPECT_EQ(elapsed(start + Milliseconds{5}, start), Milliseconds{0});
}

TEST(Sha256, KnownDigests) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Sha256 pieces;
    pieces.update("a");
    pieces.update("bc");
    EXPECT_EQ(pieces.finish(), sha256_hex("abc"));
    EXPECT_TRUE(is_sha256_hex(sha256_hex("abc")));
    EXPECT_FALSE(is_sha256_hex("abc"));
    EXPECT_FALSE(is_sha256_hex(std::string(64, 'A')));
}

TEST(ImageKind, IsToldByMagicBytes) {
    EXPECT_EQ(sniff_image_kind("\xFF\xD8\xFF\xE0 JFIF")->mime, "image/jpeg");
    EXPECT_EQ(sniff_image_kind("\x89PNG\r\n\x1A\n....")->extension, "png");
    EXPECT_EQ(sniff_image_kind("RIFF\x10\0\0\0WEBPVP8 "sv)->mime, "image/webp");
    EXPECT_EQ(sniff_image_kind("GIF89a")->mime, "image/gif");
    EXPECT_EQ(sniff_image_kind("\0\0\0\x20"
                               "ftypavif"sv)
                  ->mime,
              "image/avif");
    EXPECT_EQ(sniff_image_kind("\0\0\0\x20"
                               "ftypmif1\0\0\0\0miafavif"sv)
                  ->mime,
              "image/avif");
    for (const std::string_view brands : {"heic\0\0\0\0mif1heic"sv, "heix\0\0\0\0mif1heix"sv, "mif1\0\0\0\0miafheic"sv,
                                          "mif1\0\0\0\0mif1miafMiHBheix"sv}) {
        const std::string head = std::string(
                                     "\0\0\0\x20"
                                     "ftyp"sv)
                                     .append(brands);
        const auto kind = sniff_image_kind(head);
        ASSERT_TRUE(kind.has_value()) << brands;
        EXPECT_EQ(kind->mime, "image/heic") << brands;
        EXPECT_EQ(kind->extension, "heic") << brands;
    }
}

TEST(ImageKind, AllElseIsNone) {
    for (const std::string_view head :
         {""sv, "\xFF\xD8"sv, "\x89PNG"sv, "<svg xmlns"sv, "%PDF-1.7"sv, "RIFF\x10\0\0\0WAVE"sv, "II*\0"sv,
          // Sequences of HEVC frames, films, and HEIF of a coding that is not told.
          "\0\0\0\x20"
          "ftyphevc\0\0\0\0mif1heic"sv,
          "\0\0\0\x20"
          "ftypmsf1\0\0\0\0hevcheic"sv,
          "\0\0\0\x20"
          "ftypmp42\0\0\0\0isomheic"sv,
          "\0\0\0\x20"
          "ftypmif1\0\0\0\0miafjpeg"sv}) {
        EXPECT_FALSE(sniff_image_kind(head).has_value()) << head;
    }
}

}  // namespace
}  // namespace atelier::core
