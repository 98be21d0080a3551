#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <thread>
#include <utility>

#include "spool_support.hpp"

namespace atelier::executor {
namespace {

// What the next fdatasync() is to do first; 0 lets it happen, else it fails with that errno.
std::function<int(int fd)> before_fdatasync;
// How many bytes the next pwritev() may write; 0: it is interrupted.
std::function<std::size_t(std::size_t size)> pwritev_limit;

}  // namespace
}  // namespace atelier::executor

// In the place of the C library's, for this program: disks that fail, and proof that they were asked.
extern "C" int fdatasync(int fd) {
    const auto& before = atelier::executor::before_fdatasync;
    const int failure = before ? before(fd) : 0;
    if (failure == 0) return static_cast<int>(::syscall(SYS_fdatasync, fd));
    errno = failure;
    return -1;
}

extern "C" ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
    std::string bytes;
    for (int i = 0; i < count; ++i) {
        bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    }
    const auto& limit = atelier::executor::pwritev_limit;
    const std::size_t size = limit ? limit(bytes.size()) : bytes.size();
    if (size > 0) return ::pwrite(fd, bytes.data(), std::min(size, bytes.size()), offset);
    errno = EINTR;
    return -1;
}

namespace atelier::executor {
namespace {

namespace fs = std::filesystem;
using core::ErrorClass;
using test::Attempts;
using test::attempts_of;
using test::names_in;

class SpoolFaultTest : public test::SpoolTest {
  protected:
    ~SpoolFaultTest() override {
        before_fdatasync = nullptr;
        pwritev_limit = nullptr;
    }
};

std::uint64_t file_bytes(int fd) {
    struct stat facts {};
    return ::fstat(fd, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

TEST_F(SpoolFaultTest, AnAppendIsOnDiskBeforeItReturns) {
    const auto spool = open();
    bool returned = false;
    std::uint64_t synced = 0;
    before_fdatasync = [&](int fd) {
        EXPECT_FALSE(returned);
        synced = file_bytes(fd);
        return 0;
    };
    for (const std::size_t size : {0U, 1U, 100'000U}) {
        returned = false;
        const auto appended = append(*spool, size, size);
        returned = true;
        ASSERT_TRUE(appended.ok());
        EXPECT_EQ(synced, spool->bytes());
        EXPECT_EQ(synced, bytes_on_disk());
    }
}

TEST_F(SpoolFaultTest, ShortAndInterruptedWritesAreContinued) {
    auto spool = open();
    int calls = 0;
    pwritev_limit = [&](std::size_t) { return ++calls % 3 == 0 ? std::size_t{0} : std::size_t{7}; };
    ASSERT_TRUE(append(*spool, 1, 1000).ok());
    pwritev_limit = nullptr;
    EXPECT_GT(calls, 100);
    spool.reset();
    EXPECT_EQ(attempts_of(read()), (Attempts{1}));
}

class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit small{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &small);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        ::signal(SIGXFSZ, SIG_DFL);
    }

  private:
    rlimit before_{};
};

TEST_F(SpoolFaultTest, AFullDiskLeavesNoTornTail) {
    auto spool = open();
    ASSERT_TRUE(append(*spool, 1, 5000).ok());
    const std::uint64_t before = spool->bytes();
    {
        const FileSizeLimit full(before + 20'000);
        const auto appended = append(*spool, 2, 50'000);
        ASSERT_FALSE(appended.ok());
        EXPECT_EQ(appended.error().cls, ErrorClass::storage_failed);
        EXPECT_NE(appended.error().message.find("File too large"), std::string::npos) << appended.error().message;
        EXPECT_EQ(bytes_on_disk(), before);
        // There is room for a little, but not for what has just failed: no new paid call yet.
        EXPECT_FALSE(spool->probe().ok());
        EXPECT_EQ(bytes_on_disk(), before);
        EXPECT_TRUE(append(*spool, 3, 100).ok());
    }
    EXPECT_TRUE(spool->probe().ok());
    EXPECT_TRUE(append(*spool, 4, 50'000).ok());
    EXPECT_EQ(spool->bytes(), bytes_on_disk());
    EXPECT_EQ(segments(), 1U);
    spool.reset();
    EXPECT_EQ(attempts_of(read()), (Attempts{1, 3, 4}));
}

TEST_F(SpoolFaultTest, ASegmentThatCouldNotBeSyncedIsNeverAppendedToAgain) {
    auto spool = open();
    ASSERT_TRUE(append(*spool, 1, 1000).ok());
    const std::uint64_t before = spool->bytes();
    before_fdatasync = [](int) { return EIO; };
    EXPECT_FALSE(append(*spool, 2, 1000).ok());
    EXPECT_EQ(bytes_on_disk(), before);
    before_fdatasync = nullptr;
    ASSERT_TRUE(append(*spool, 3, 1000).ok());
    EXPECT_EQ(segments(), 2U);
    EXPECT_EQ(fs::file_size(directory() / (spool->id() + "-1.spool")), before);
    spool.reset();
    EXPECT_EQ(attempts_of(read()), (Attempts{1, 3}));
}

// Linux reports a lost page once: whoever syncs next would be told that all is well.
TEST_F(SpoolFaultTest, AFailedSyncFailsAllWhoWaitForItAndSparesWhatIsSynced) {
    auto spool = open();
    ASSERT_TRUE(append(*spool, 1, 1000).ok());
    const std::uint64_t alone = spool->bytes();
    std::atomic<int> syncs = 0;
    before_fdatasync = [&](int) {
        if (syncs++ > 0) return 0;
        while (spool->bytes() < alone + 3 * 1000)
            std::this_thread::yield();
        return EIO;
    };
    std::atomic<int> failures = 0;
    std::vector<std::thread> threads;
    for (std::uint64_t attempt = 2; attempt <= 4; ++attempt) {
        threads.emplace_back([&, attempt] { failures += append(*spool, attempt, 1000).ok() ? 0 : 1; });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(failures, 3);
    EXPECT_EQ(syncs, 1);
    ASSERT_TRUE(append(*spool, 5, 1000).ok());
    spool.reset();
    EXPECT_EQ(attempts_of(read()), (Attempts{1, 5}));
}

TEST_F(SpoolFaultTest, AnUnwritableDirectoryStopsAndComesBack) {
    auto spool = open();
    // As root one may write everywhere: what no user can be denied is a directory that is gone.
    fs::rename(directory(), directory().parent_path() / "gone");
    test::write_file(directory(), "in the way");
    before_fdatasync = [](int) { return EIO; };
    EXPECT_FALSE(spool->probe().ok());
    before_fdatasync = nullptr;
    const auto appended = append(*spool, 1, 10);
    ASSERT_FALSE(appended.ok());
    EXPECT_NE(appended.error().message.find("Not a directory"), std::string::npos) << appended.error().message;
    fs::remove(directory());
    EXPECT_TRUE(spool->probe().ok());
    EXPECT_TRUE(append(*spool, 2, 10).ok());
    spool.reset();
    EXPECT_EQ(attempts_of(read()), (Attempts{2}));
}

TEST_F(SpoolFaultTest, ARemovedFileSwallowsNothing) {
    auto spool = open();
    ASSERT_TRUE(append(*spool, 1, 10).ok());
    fs::remove_all(directory());
    ASSERT_TRUE(append(*spool, 2, 10).ok());
    spool.reset();
    EXPECT_EQ(attempts_of(read()), (Attempts{2}));
}

// Before the lock is held, another executor takes the file for what a dead one left.
TEST_F(SpoolFaultTest, ASegmentInTheMakingThatIsTakenAwayIsMadeAgain) {
    bool is_first = true;
    pwritev_limit = [&](std::size_t size) {
        if (std::exchange(is_first, false)) fs::remove(directory() / names_in(directory()).at(0));
        return size;
    };
    auto spool = open();
    ASSERT_NE(spool, nullptr);
    EXPECT_EQ(names_in(directory()), (std::vector<std::string>{spool->id() + "-2.spool"}));
}

TEST_F(SpoolFaultTest, ASegmentInTheMakingIsNotTakenAwayOnceItIsLocked) {
    pwritev_limit = [&](std::size_t size) {
        ForeignSpool successor(directory().string(), "");
        EXPECT_TRUE(test::poll(successor).empty());
        EXPECT_EQ(names_in(directory()).size(), 1U);
        return size;
    };
    EXPECT_NE(open(), nullptr);
}

}  // namespace
}  // namespace atelier::executor
