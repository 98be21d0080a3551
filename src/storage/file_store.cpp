#include "storage/file_store.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>
#include <system_error>

#include "core/store_key.hpp"
#include "storage/beneath.hpp"

namespace atelier::storage {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;

Error not_regular(const std::string& key) {
    return {ErrorClass::invalid_request, "the object \"" + key + "\" is not a regular file"};
}

// 0, or the errno of the call that failed.
int copy_bytes(int source, int target, std::uint64_t size) {
    std::vector<char> buffer(std::min<std::uint64_t>(size, 256 * 1024));
    for (std::uint64_t offset = 0; offset < size;) {
        const auto wanted = std::min<std::uint64_t>(buffer.size(), size - offset);
        const ssize_t got = ::pread(source, buffer.data(), wanted, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return EIO;  // shorter than announced
        for (ssize_t written = 0; written < got;) {
            const ssize_t put = ::write(target, buffer.data() + written, static_cast<std::size_t>(got - written));
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return errno;
            written += put;
        }
        offset += static_cast<std::uint64_t>(got);
    }
    return 0;
}

// A name that no key takes by chance; what a crash leaves behind is told by it.
std::string temporary_name() {
    std::uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) return {};
    char name[32];
    std::snprintf(name, sizeof name, ".incoming-%016llx", static_cast<unsigned long long>(random));
    return name;
}

// 0, or the errno of the call that failed; then no file is left.
int write_durably(int directory, const std::string& temporary, int source, std::uint64_t size) {
    UniqueFd file(::openat(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640));
    if (!file) return errno;
    int failure = copy_bytes(source, file.get(), size);
    // The umask of PostgreSQL took the group's right from the mode above.
    if (failure == 0 && ::fchmod(file.get(), 0640) != 0) failure = errno;
    if (failure == 0 && ::fsync(file.get()) != 0) failure = errno;
    if (failure != 0) ::unlinkat(directory, temporary.c_str(), 0);
    return failure;
}

enum class Removed { yes, was_missing };

Result<Removed> remove_one(int directory, const std::string& key, const std::string& name) {
    struct stat facts {};
    if (::fstatat(directory, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return Removed::was_missing;
        return object_error(key, errno);
    }
    if (!S_ISREG(facts.st_mode)) return not_regular(key);
    if (::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) return object_error(key, errno);
    return Removed::yes;
}

}  // namespace

Result<FileStore> FileStore::open(const std::string& directory) {
    UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
        return Error{ErrorClass::storage_failed,
                     "the store directory cannot be opened: " + std::generic_category().message(errno)};
    }
    return FileStore(std::move(fd));
}

Result<StoredObject> FileStore::open_object(const std::string& key) const {
    if (auto legal = core::check_store_key(key); !legal) return legal.error();
    UniqueFd fd = open_beneath(directory_.get(), key, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd) return object_error(key, errno);
    struct stat facts {};
    if (::fstat(fd.get(), &facts) != 0) return object_error(key, errno);
    if (!S_ISREG(facts.st_mode)) return not_regular(key);
    if (facts.st_size <= 0) return Error{ErrorClass::invalid_request, "the object \"" + key + "\" is empty"};
    return StoredObject{std::move(fd), static_cast<std::uint64_t>(facts.st_size)};
}

Result<void> FileStore::put(const std::string& key, int source, std::uint64_t size) const {
    if (auto legal = core::check_store_key(key); !legal) return legal.error();
    // While writing, whatever stands in the way is the store's trouble, except a link in the path of the key.
    const auto failed = [&](int error_number) {
        if (error_number == ELOOP) return object_error(key, error_number);
        return Error{ErrorClass::storage_failed,
                     "the object \"" + key + "\" cannot be written: " + std::generic_category().message(error_number)};
    };
    const SplitKey split = split_key(key);
    const UniqueFd directory = make_directories(directory_.get(), split.parent);
    if (!directory) return failed(errno);
    const std::string temporary = temporary_name();
    if (temporary.empty()) return failed(errno);
    if (const int failure = write_durably(directory.get(), temporary, source, size)) return failed(failure);
    if (::renameat(directory.get(), temporary.c_str(), directory.get(), split.name.c_str()) != 0) {
        const int failure = errno;
        ::unlinkat(directory.get(), temporary.c_str(), 0);
        return failed(failure);
    }
    if (::fsync(directory.get()) != 0) return failed(errno);
    return {};
}

Result<Removal> FileStore::remove(std::span<const std::string> keys) const {
    for (const std::string& key : keys) {
        if (auto legal = core::check_store_key(key); !legal) return legal.error();
    }
    Removal removal;
    std::set<std::string> parents;
    for (const std::string& key : keys) {
        const SplitKey split = split_key(key);
        const UniqueFd directory = open_directory(directory_.get(), split.parent);
        if (!directory && errno != ENOENT) return object_error(key, errno);
        if (!directory) {
            removal.missing.push_back(key);
            continue;
        }
        auto removed = remove_one(directory.get(), key, split.name);
        if (!removed) return removed.error();
        // Also of a missing one: who removed it may have died before the fsync.
        parents.insert(split.parent);
        (*removed == Removed::yes ? removal.deleted : removal.missing).push_back(key);
    }
    for (const std::string& parent : parents) {
        const UniqueFd directory = open_directory(directory_.get(), parent);
        if (!directory && errno == ENOENT) continue;
        if (!directory || ::fsync(directory.get()) != 0) return object_error(parent, errno);
    }
    return removal;
}

}  // namespace atelier::storage
