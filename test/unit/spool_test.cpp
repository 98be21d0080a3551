#include "executor/spool.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include "executor/foreign_spool.hpp"
#include "spool_support.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::executor {
namespace {

namespace fs = std::filesystem;
using core::ErrorClass;
using test::Attempts;
using test::attempts_of;
using test::body_of;
using test::head_of;
using test::mebibyte;
using test::names_in;

using SpoolTest = test::SpoolTest;

TEST_F(SpoolTest, DirectoryAndSegmentAreOursAlone) {
    const mode_t before = ::umask(0);
    const auto spool = open();
    ::umask(before);
    ASSERT_NE(spool, nullptr);
    EXPECT_EQ(fs::status(directory()).permissions(), fs::perms::owner_all);
    ASSERT_EQ(names_in(directory()), (std::vector<std::string>{spool->id() + "-1.spool"}));
    EXPECT_EQ(fs::status(directory() / (spool->id() + "-1.spool")).permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
    // And children that are exec'd get neither.
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (fs::read_symlink(entry, gone).string().find(directory().string()) != 0) continue;
        EXPECT_EQ(::fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    }
}

TEST_F(SpoolTest, ADirectoryOpenToOthersIsClosed) {
    fs::create_directory(directory());
    fs::permissions(directory(), fs::perms::all);
    const auto spool = open();
    EXPECT_EQ(fs::status(directory()).permissions(), fs::perms::owner_all);
}

TEST_F(SpoolTest, ADirectoryThatCannotBeIsRefused) {
    const auto reason = [](const fs::path& path) {
        const auto spool = Spool::open(path.string(), {mebibyte});
        EXPECT_FALSE(spool.ok());
        EXPECT_TRUE(spool.ok() || spool.error().cls == ErrorClass::storage_failed);
        return spool.ok() ? "" : spool.error().message;
    };
    const fs::path parent = directory().parent_path();
    fs::create_directory(parent / "elsewhere");
    fs::create_directory_symlink(parent / "elsewhere", directory());
    EXPECT_NE(reason(directory()).find("is a symbolic link"), std::string::npos);
    EXPECT_TRUE(names_in(parent / "elsewhere").empty());
    test::write_file(parent / "file", "x");
    EXPECT_NE(reason(parent / "file").find("Not a directory"), std::string::npos);
    EXPECT_NE(reason(parent / "absent" / "spool").find("No such file"), std::string::npos);
    if (::geteuid() == 0) {
        fs::create_directory(parent / "foreign");
        ASSERT_EQ(::chown((parent / "foreign").c_str(), 1, 1), 0);
        EXPECT_NE(reason(parent / "foreign").find("belongs to another user"), std::string::npos);
    } else {
        EXPECT_NE(reason("/").find("belongs to another user"), std::string::npos);
    }
}

TEST_F(SpoolTest, WhatIsAppendedIsReadBack) {
    auto spool = open();
    ASSERT_TRUE(append(*spool, 7, 2'000'000).ok());
    ASSERT_TRUE(spool->append(RecordType::not_sent, 8, head_of(8), "").ok());
    ASSERT_TRUE(append(*spool, 7, 0).ok());  // a second one of the same attempt
    spool.reset();
    const auto records = read();
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0].type, RecordType::receipt);
    EXPECT_EQ(records[0].body.size(), 2'000'000U);
    EXPECT_EQ(records[1].type, RecordType::not_sent);
    EXPECT_EQ(attempts_of(records), (Attempts{7, 7, 8}));
}

TEST_F(SpoolTest, HeadsThatAreNoTextForARowComeBack) {
    auto spool = open();
    const core::Json head{{"headers", {{"x", std::string("a\0b", 3)}, {"y", "\xff"}}}};
    ASSERT_TRUE(spool->append(RecordType::receipt, 1, head, "").ok());
    spool.reset();
    ForeignSpool foreign(directory().string(), "");
    const auto records = test::poll(foreign);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].head["headers"]["x"], std::string("a\0b", 3));
    EXPECT_EQ(records[0].head["headers"]["y"], "\xEF\xBF\xBD");
}

TEST_F(SpoolTest, TooLongIsRefusedAndHarmsNothing) {
    auto spool = open();
    EXPECT_FALSE(spool->append(RecordType::receipt, 1, head_of(1), std::string(64 * mebibyte + 1, 'x')).ok());
    EXPECT_FALSE(spool->append(RecordType::receipt, 1, std::string(mebibyte, 'x'), "").ok());
    EXPECT_EQ(spool->bytes(), segment_header_bytes);
    EXPECT_TRUE(append(*spool, 2, 10).ok());
    spool.reset();
    EXPECT_EQ(attempts_of(read()), (Attempts{2}));
}

TEST_F(SpoolTest, EightThreadsAppendAtOnce) {
    auto spool = open({64 * mebibyte, 300'000});  // with some 20 rotations in between
    constexpr std::uint64_t each = 60;
    std::atomic<int> failures = 0;
    std::vector<std::thread> threads;
    for (std::uint64_t thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&, thread] {
            for (std::uint64_t i = 0; i < each; ++i) {
                const std::uint64_t attempt = thread * 1000 + i;
                if (!append(*spool, attempt, (attempt * 977) % 30'000).ok()) ++failures;
                if (i % 3 == 0) spool->settled(attempt);
                if (i % 10 == 0 && !spool->probe().ok()) ++failures;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(spool->bytes(), bytes_on_disk());
    spool.reset();
    const Attempts read_back = attempts_of(read());
    const std::set<std::uint64_t> found(read_back.begin(), read_back.end());
    EXPECT_EQ(found.size(), read_back.size()) << "nothing twice";
    for (std::uint64_t thread = 0; thread < 8; ++thread) {
        for (std::uint64_t i = 0; i < each; ++i) {
            EXPECT_TRUE(i % 3 == 0 || found.count(thread * 1000 + i) == 1) << thread << "/" << i;
        }
    }
}

TEST_F(SpoolTest, SegmentsGoWhenTheLastOfThemIsSettled) {
    auto spool = open({64 * mebibyte, 10'000});
    for (std::uint64_t attempt = 1; attempt <= 9; ++attempt) {
        ASSERT_TRUE(append(*spool, attempt, 3000).ok());  // three to a segment
    }
    ASSERT_EQ(segments(), 3U);
    for (const std::uint64_t attempt : {1, 2, 5, 4}) {
        spool->settled(attempt);
    }
    EXPECT_EQ(segments(), 3U);
    spool->settled(6);
    EXPECT_EQ(segments(), 2U);
    EXPECT_EQ(spool->bytes(), bytes_on_disk());
    spool->settled(3);
    EXPECT_EQ(names_in(directory()), (std::vector<std::string>{spool->id() + "-3.spool"}));
    spool->settled(1000);  // never heard of
    spool.reset();
    EXPECT_EQ(attempts_of(read()), (Attempts{7, 8, 9}));
}

TEST_F(SpoolTest, OneSettlesAllRecordsOfAnAttempt) {
    auto spool = open();
    ASSERT_TRUE(append(*spool, 1, 10).ok());
    ASSERT_TRUE(spool->append(RecordType::not_sent, 1, head_of(1), "").ok());
    spool->settled(1);
    spool.reset();
    EXPECT_EQ(segments(), 0U);
}

TEST_F(SpoolTest, AnIdleExecutorHoldsAnEmptySegment) {
    auto spool = open();
    ASSERT_TRUE(append(*spool, 1, 2 * mebibyte).ok());
    ASSERT_TRUE(append(*spool, 2, 2 * mebibyte).ok());
    EXPECT_GT(spool->bytes(), 4 * mebibyte);
    spool->settled(1);
    EXPECT_GT(spool->bytes(), 4 * mebibyte);
    spool->settled(2);
    EXPECT_EQ(spool->bytes(), segment_header_bytes);
    EXPECT_EQ(names_in(directory()), (std::vector<std::string>{spool->id() + "-2.spool"}));
    // A small one is not worth two fsyncs, but does not grow for ever.
    for (std::uint64_t attempt = 3; attempt < 43; ++attempt) {
        ASSERT_TRUE(append(*spool, attempt, 60'000).ok());
        spool->settled(attempt);
        ASSERT_LT(spool->bytes(), mebibyte + 70'000);
    }
    spool.reset();
    EXPECT_EQ(segments(), 0U);
}

TEST_F(SpoolTest, ProbesDoNotFillTheSpool) {
    const auto spool = open();
    ASSERT_TRUE(append(*spool, 1, mebibyte - 10'000).ok());
    spool->settled(1);
    ASSERT_GT(spool->bytes(), mebibyte - 10'000);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(spool->probe().ok());
    }
    EXPECT_LT(spool->bytes(), 10'000U);
    EXPECT_TRUE(read().empty());
}

TEST_F(SpoolTest, FullIsToldAndEndsWithTheSettling) {
    auto spool = open({100'000});
    EXPECT_TRUE(spool->has_room());
    std::uint64_t attempt = 0;
    while (spool->has_room()) {
        ASSERT_TRUE(append(*spool, ++attempt, 9000).ok());
        ASSERT_LT(attempt, 20U);
    }
    EXPECT_GE(spool->bytes(), 100'000U);
    // What is paid for is kept all the same.
    ASSERT_TRUE(append(*spool, ++attempt, 9000).ok());
    EXPECT_FALSE(spool->has_room());
    for (std::uint64_t done = 1; done < attempt; ++done) {
        spool->settled(done);
    }
    EXPECT_TRUE(spool->has_room());
    EXPECT_LT(spool->bytes(), 30'000U);
    spool->settled(attempt);
    spool.reset();
    EXPECT_EQ(segments(), 0U);
}

// Whoever finds a segment of a living executor finds it locked, however fast that one rotates.
TEST_F(SpoolTest, ASegmentIsLockedBeforeItIsSeen) {
    const auto spool = open({64 * mebibyte, 100});
    std::atomic<bool> done = false;
    std::atomic<int> seen = 0;
    std::atomic<int> unlocked = 0;
    std::thread watcher([&] {
        while (!done) {
            std::error_code ignored;
            for (const auto& entry : fs::directory_iterator(directory(), ignored)) {
                if (entry.path().extension() != ".spool") continue;
                const storage::UniqueFd fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
                if (!fd) continue;
                ++seen;
                // One that was settled meanwhile has no name any more.
                struct stat facts {};
                if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0 && ::fstat(fd.get(), &facts) == 0 && facts.st_nlink > 0) {
                    ++unlocked;
                }
            }
        }
    });
    // On a file system in memory a hundred are over before the watcher has begun.
    for (std::uint64_t attempt = 1; attempt <= 100 || (seen <= 100 && attempt <= 1'000'000); ++attempt) {
        EXPECT_TRUE(append(*spool, attempt, 200).ok());
        if (attempt > 3) spool->settled(attempt - 3);
    }
    done = true;
    watcher.join();
    EXPECT_EQ(unlocked, 0);
    EXPECT_GT(seen, 100);
}

}  // namespace
}  // namespace atelier::executor
