#include "storage/file_listing.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>

#include "storage/file_store.hpp"
#include "temporary_directory.hpp"

namespace atelier::storage {
namespace {

namespace fs = std::filesystem;
using test::write_file;

class FileListing : public testing::Test {
  protected:
    fs::path root() const { return temporary_.path(); }
    void put(const std::string& key) { write_file(root() / key, "x"); }

    Listing list(const ListWish& wish) const {
        auto listing = FileStore::open(root().string())->list(wish);
        EXPECT_TRUE(listing.ok()) << listing.error().message;
        return listing ? std::move(*listing) : Listing{};
    }
    static std::vector<std::string> keys_of(const Listing& listing) {
        std::vector<std::string> keys;
        for (const ListedObject& each : listing.objects)
            keys.push_back(each.key);
        return keys;
    }
    // All pages one after the other.
    std::vector<std::string> all(ListWish wish, std::size_t* pages = nullptr) const {
        std::vector<std::string> keys;
        for (int page = 0; page < 10'000; ++page) {
            const Listing listing = list(wish);
            if (pages) ++*pages;
            EXPECT_LE(listing.objects.size(), wish.limit);
            for (std::string& key : keys_of(listing))
                keys.push_back(std::move(key));
            if (listing.next.empty()) return keys;
            EXPECT_GT(listing.next, wish.after);
            wish.after = listing.next;
        }
        ADD_FAILURE() << "it never ends";
        return keys;
    }

    test::TemporaryDirectory temporary_;
};

TEST_F(FileListing, KeysComeInTheOrderOfTheirBytes) {
    const std::vector<std::string> keys{"A", "a!", "a-b/c", "a.b", "a/!", "a/b/c", "a/b0", "a0", "b", "\xC3\xA4"};
    for (const std::string& key : keys)
        put(key);
    EXPECT_EQ(all({"", "", 1000}), keys);
    EXPECT_EQ(all({"", "", 1}), keys);
    EXPECT_EQ(keys_of(list({"", "a/!", 2})), (std::vector<std::string>{"a/b/c", "a/b0"}));
    EXPECT_EQ(keys_of(list({"", "a/b/cc", 1})), (std::vector<std::string>{"a/b0"}));
    EXPECT_EQ(all({"a/", "", 1}), (std::vector<std::string>{"a/!", "a/b/c", "a/b0"}));
    EXPECT_EQ(all({"a/b", "", 1}), (std::vector<std::string>{"a/b/c", "a/b0"}));
    EXPECT_EQ(all({"a", "a/b0", 9}), (std::vector<std::string>{"a0"}));
    EXPECT_TRUE(all({"c", "", 9}).empty());
    EXPECT_TRUE(all({"none/such/", "", 9}).empty());
    EXPECT_TRUE(all({"", "\xC3\xA4", 9}).empty());
}

TEST_F(FileListing, SizesAndTimes) {
    write_file(root() / "a/b", "12345");
    const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 999'999'999}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (root() / "a/b").c_str(), times, 0), 0);
    const Listing listing = list({"", "", 1});
    ASSERT_EQ(listing.objects.size(), 1U);
    EXPECT_EQ(listing.objects[0].size, 5U);
    EXPECT_EQ(listing.objects[0].modified, 1'700'000'000);
    EXPECT_EQ(listing.next, "") << "what is the last page says so";
}

// Names that sort around '/', directories beside files that begin like them, many names in one directory.
TEST_F(FileListing, PagesOfAnySizeAreTheWholeStore) {
    constexpr std::uint32_t seed = 20'261'122;
    std::mt19937 random(seed);
    const std::string letters = "!-.0a~";
    const auto name = [&] {
        std::string made;
        for (std::size_t length = 1 + random() % 3; length > 0; --length)
            made.push_back(letters[random() % letters.size()]);
        return made == "." || made == ".." ? "a" : made;
    };
    for (int i = 0; i < 1500; ++i) {
        std::string key = name();
        for (std::size_t depth = random() % 4; depth > 0; --depth)
            key += "/" + name();
        std::error_code refused;
        fs::create_directories((root() / key).parent_path(), refused);
        if (!refused && !fs::exists(root() / key)) put(key);
    }
    std::vector<std::string> keys;
    for (const auto& each : fs::recursive_directory_iterator(root()))
        if (each.is_regular_file()) keys.push_back(fs::relative(each.path(), root()).string());
    std::sort(keys.begin(), keys.end());
    ASSERT_GT(keys.size(), 500U);
    for (const std::size_t limit : {1U, 2U, 3U, 7U, 100U, 1000U})
        EXPECT_EQ(all({"", "", limit}), keys) << "limit " << limit << ", seed " << seed;
    for (int i = 0; i < 200; ++i) {
        const std::string after = name() + "/" + name();
        const std::string prefix = random() % 2 ? name().substr(0, 1) : name() + "/";
        std::vector<std::string> wanted;
        std::copy_if(keys.begin(), keys.end(), std::back_inserter(wanted),
                     [&](const std::string& key) { return key > after && key.starts_with(prefix); });
        EXPECT_EQ(all({prefix, after, 1 + random() % 9}), wanted) << prefix << " after " << after << ", seed " << seed;
    }
}

TEST_F(FileListing, KeysOfAPageAreBoundedTogether) {
    for (int i = 0; i < 10; ++i)
        put(std::to_string(i) + std::string(99, 'k'));
    std::size_t pages = 0;
    EXPECT_EQ(all({"", "", 1000, 300}, &pages).size(), 10U);
    EXPECT_EQ(pages, 4U);
}

TEST_F(FileListing, OnlyWhatCanBeAnObjectIsOne) {
    put("a/good");
    put("a/.incoming-0123456789abcdef");
    put("a/.incoming-picture");
    put("a/back\\slash");
    put("a/\xFF");
    put("a/\x01");
    put("\xFF/a");
    fs::create_directories(root() / "empty/of/files");
    fs::create_symlink("good", root() / "a/link");
    fs::create_symlink("a", root() / "way");
    ASSERT_EQ(::mkfifo((root() / "a/fifo").c_str(), 0600), 0);
    EXPECT_EQ(all({"", "", 1}), (std::vector<std::string>{"a/.incoming-picture", "a/good"}));
    EXPECT_TRUE(all({"way/", "", 9}).empty());
}

TEST_F(FileListing, EmptyDirectoriesEndAPageToo) {
    for (int i = 0; i < 10'500; ++i)
        fs::create_directory(root() / ("d" + std::to_string(i)));
    put("d5/x");
    put("z");
    const Listing first = list({"", "", 1000});
    EXPECT_TRUE(first.next.ends_with('/')) << first.next;
    std::size_t pages = 0;
    EXPECT_EQ(all({"", "", 1000}, &pages), (std::vector<std::string>{"d5/x", "z"}));
    EXPECT_EQ(pages, 2U);
}

TEST_F(FileListing, WhatCannotBeReadIsNoEmptyDirectory) {
    put("a");
    fs::create_directory(root() / "closed");
    fs::permissions(root() / "closed", fs::perms::none);
    if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
    const auto listing = FileStore::open(root().string())->list({"", "", 9});
    ASSERT_FALSE(listing.ok());
    EXPECT_EQ(listing.error().cls, core::ErrorClass::storage_failed);
    fs::permissions(root() / "closed", fs::perms::owner_all);
}

}  // namespace
}  // namespace atelier::storage
