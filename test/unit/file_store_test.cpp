#include "storage/file_store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <functional>
#include <optional>

#include "storage/beneath.hpp"
#include "temporary_directory.hpp"

namespace atelier::storage {
namespace {

// What the next fsync() is to do first; 0 lets it happen, else it fails with that errno.
std::function<int(int fd)> before_fsync;
bool refuse_nameless_files = false;

}  // namespace
}  // namespace atelier::storage

// In the place of the C library's, for this program: disks that fail and file systems that cannot do everything.
extern "C" int fsync(int fd) {
    const int failure = atelier::storage::before_fsync ? atelier::storage::before_fsync(fd) : 0;
    if (failure == 0) return static_cast<int>(::syscall(SYS_fsync, fd));
    errno = failure;
    return -1;
}

extern "C" int openat(int directory, const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (atelier::storage::refuse_nameless_files && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
}

namespace atelier::storage {
namespace {

namespace fs = std::filesystem;
using core::ErrorClass;
using test::read_file;
using test::write_file;

UniqueFd memory_file(const std::string& content) {
    UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
    EXPECT_EQ(::write(file.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
    return file;
}

class FileStoreTest : public testing::Test {
  protected:
    FileStoreTest() {
        fs::create_directories(root());
        write_file(outside() / "secret", "outside");
    }
    fs::path root() const { return temporary_.path() / "store"; }
    fs::path outside() const { return temporary_.path() / "outside"; }
    const FileStore& store() {
        if (!store_) store_ = std::move(*FileStore::open(root().string()));
        return *store_;
    }
    void expect_refused(const std::string& key, const std::string& reason) {
        const auto object = store().open_object(key);
        ASSERT_FALSE(object.ok()) << key;
        EXPECT_EQ(object.error().cls, ErrorClass::invalid_request) << key;
        EXPECT_NE(object.error().message.find(reason), std::string::npos) << object.error().message;
    }

  private:
    test::TemporaryDirectory temporary_;
    std::optional<FileStore> store_;
};

TEST_F(FileStoreTest, MissingDirectoryIsAnErrorOfTheStore) {
    const auto store = FileStore::open((root() / "absent").string());
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().cls, ErrorClass::storage_failed);
}

TEST_F(FileStoreTest, WhatIsPutCanBeOpened) {
    const std::string content(700'001, 'p');
    const UniqueFd source = memory_file(content);
    ASSERT_TRUE(store().put("clients/c1/generated/a.png", source.get(), content.size()).ok());
    const auto object = store().open_object("clients/c1/generated/a.png");
    ASSERT_TRUE(object.ok());
    EXPECT_EQ(object->size, content.size());
    EXPECT_EQ(::lseek(object->fd.get(), 0, SEEK_CUR), 0);
    EXPECT_EQ(read_file(root() / "clients/c1/generated/a.png"), content);
}

TEST_F(FileStoreTest, PutSetsModeWhateverTheUmask) {
    const mode_t before = ::umask(0077);
    const auto put = store().put("a/b", memory_file("x").get(), 1);
    ::umask(before);
    ASSERT_TRUE(put.ok());
    struct stat facts {};
    ASSERT_EQ(::stat((root() / "a/b").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0640U);
}

TEST_F(FileStoreTest, PutReplacesWholeAndLeavesNoOtherFile) {
    ASSERT_TRUE(store().put("a/b", memory_file("first").get(), 5).ok());
    ASSERT_TRUE(store().put("a/b", memory_file("second").get(), 6).ok());
    EXPECT_EQ(read_file(root() / "a/b"), "second");
    // Shorter than announced: the old object stays, nothing is left behind.
    const auto put = store().put("a/b", memory_file("third").get(), 50);
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().cls, ErrorClass::storage_failed);
    EXPECT_EQ(read_file(root() / "a/b"), "second");
    EXPECT_EQ(std::distance(fs::directory_iterator(root() / "a"), {}), 1);
}

TEST_F(FileStoreTest, PutWorksWhereFilesMustHaveNames) {
    refuse_nameless_files = true;
    const auto first = store().put("a/b", memory_file("first").get(), 5);
    const auto second = store().put("a/b", memory_file("second").get(), 6);
    const auto third = store().put("a/b", memory_file("third").get(), 50);
    refuse_nameless_files = false;
    EXPECT_TRUE(first.ok());
    EXPECT_TRUE(second.ok());
    EXPECT_FALSE(third.ok());
    EXPECT_EQ(read_file(root() / "a/b"), "second");
    EXPECT_EQ(std::distance(fs::directory_iterator(root() / "a"), {}), 1);
}

TEST_F(FileStoreTest, AWriterThatIsKilledLeavesNothing) {
    fs::create_directories(root() / "a");
    const pid_t writer = ::fork();
    if (writer == 0) {
        // Its bytes are written by then, its name is not given yet.
        before_fsync = [](int) { return ::raise(SIGKILL); };
        (void)store().put("a/b", memory_file("first").get(), 5);
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(writer, &status, 0), writer);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_TRUE(fs::is_empty(root() / "a"));
}

TEST_F(FileStoreTest, AnObjectWhoseNameIsNotOnDiskIsTakenBack) {
    ASSERT_TRUE(store().put("a/other", memory_file("x").get(), 1).ok());
    for (const bool named : {false, true}) {
        refuse_nameless_files = named;
        before_fsync = [](int fd) {
            struct stat facts {};
            return ::fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode) ? EIO : 0;
        };
        const auto put = store().put("a/b", memory_file("x").get(), 1);
        before_fsync = nullptr;
        refuse_nameless_files = false;
        ASSERT_FALSE(put.ok());
        EXPECT_EQ(put.error().cls, ErrorClass::storage_failed);
        EXPECT_NE(put.error().message.find("Input/output error"), std::string::npos) << put.error().message;
        EXPECT_EQ(std::distance(fs::directory_iterator(root() / "a"), {}), 1);
    }
}

TEST_F(FileStoreTest, PutIntoWhatIsNoDirectoryFails) {
    write_file(root() / "plain", "x");
    const auto put = store().put("plain/b", memory_file("x").get(), 1);
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().cls, ErrorClass::storage_failed);
    fs::create_directories(root() / "d/e");
    EXPECT_FALSE(store().put("d/e", memory_file("x").get(), 1).ok());
    EXPECT_EQ(std::distance(fs::directory_iterator(root() / "d"), {}), 1);
}

TEST_F(FileStoreTest, FullDiskIsAnErrorOfTheStore) {
    struct Unlimited {
        rlimit before{};
        Unlimited() { ::getrlimit(RLIMIT_FSIZE, &before); }
        ~Unlimited() { ::setrlimit(RLIMIT_FSIZE, &before); }
    } restore;
    ::signal(SIGXFSZ, SIG_IGN);
    const UniqueFd source = memory_file(std::string(100'000, 'x'));
    const rlimit small{4096, restore.before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto put = store().put("a/b", source.get(), 100'000);
    ::setrlimit(RLIMIT_FSIZE, &restore.before);
    ::signal(SIGXFSZ, SIG_DFL);
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().cls, ErrorClass::storage_failed);
    EXPECT_TRUE(fs::is_empty(root() / "a"));
}

TEST_F(FileStoreTest, SymbolicLinksAreNeverFollowed) {
    fs::create_symlink(outside() / "secret", root() / "link");
    fs::create_symlink(outside(), root() / "dir");
    write_file(root() / "real/file", "inside");
    fs::create_symlink("real", root() / "alias");
    expect_refused("link", "symbolic link");
    expect_refused("dir/secret", "symbolic link");
    expect_refused("alias/file", "symbolic link");

    EXPECT_FALSE(store().put("dir/new", memory_file("x").get(), 1).ok());
    EXPECT_FALSE(fs::exists(outside() / "new"));
    const std::vector<std::string> through{"dir/secret"};
    EXPECT_EQ(store().remove(through)->failed.size(), 1U);
    EXPECT_TRUE(fs::exists(outside() / "secret"));
    // A link under the name of the object itself is replaced, not written through.
    ASSERT_TRUE(store().put("link", memory_file("x").get(), 1).ok());
    EXPECT_EQ(read_file(outside() / "secret"), "outside");
}

TEST_F(FileStoreTest, NothingLiesOutside) {
    expect_refused("../outside/secret", "..");
    expect_refused((outside() / "secret").string(), "relative");
    // The kernel refuses too, without the rules for keys.
    const UniqueFd directory(::open(root().c_str(), O_RDONLY | O_DIRECTORY));
    EXPECT_FALSE(open_beneath(directory.get(), "../outside/secret", O_RDONLY));
    EXPECT_FALSE(open_beneath(directory.get(), (outside() / "secret").string(), O_RDONLY));
}

TEST_F(FileStoreTest, WhatIsNoObjectIsRefused) {
    write_file(root() / "empty", "");
    fs::create_directories(root() / "directory");
    ASSERT_EQ(::mkfifo((root() / "fifo").c_str(), 0600), 0);
    expect_refused("absent", "does not exist");
    expect_refused("absent/too", "does not exist");
    expect_refused("empty/below", "does not exist");
    expect_refused("empty", "is empty");
    expect_refused("directory", "not a regular file");
    expect_refused("fifo", "not a regular file");  // and does not wait for a writer
    expect_refused("", "empty");
}

TEST_F(FileStoreTest, RemoveTellsWhatWasThere) {
    write_file(root() / "a/1", "x");
    write_file(root() / "a/2", "x");
    const std::vector<std::string> keys{"a/1", "a/3", "b/1", "a/2"};
    const auto removal = store().remove(keys);
    ASSERT_TRUE(removal.ok());
    EXPECT_EQ(removal->deleted, (std::vector<std::string>{"a/1", "a/2"}));
    EXPECT_EQ(removal->missing, (std::vector<std::string>{"a/3", "b/1"}));
    EXPECT_TRUE(fs::is_empty(root() / "a"));
    EXPECT_EQ(store().remove(keys)->missing.size(), 4U);
}

TEST_F(FileStoreTest, OneBadKeyRemovesNothing) {
    write_file(root() / "a", "x");
    const std::vector<std::string> keys{"a", "../outside/secret"};
    EXPECT_FALSE(store().remove(keys).ok());
    EXPECT_TRUE(fs::exists(root() / "a"));
}

TEST_F(FileStoreTest, RemoveTakesRegularFilesOnly) {
    fs::create_directories(root() / "directory");
    fs::create_symlink(outside() / "secret", root() / "link");
    for (const std::string key : {"directory", "link"}) {
        const auto removal = store().remove({&key, 1});
        ASSERT_TRUE(removal.ok());
        ASSERT_EQ(removal->failed.size(), 1U);
        EXPECT_EQ(removal->failed.front().key, key);
        EXPECT_EQ(removal->failed.front().error.cls, ErrorClass::invalid_request);
        EXPECT_TRUE(fs::exists(fs::symlink_status(root() / key)));
    }
}

}  // namespace
}  // namespace atelier::storage
