#include "storage/file_store.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <map>
#include <system_error>

#include "core/store_key.hpp"
#include "storage/beneath.hpp"
#include "storage/file_listing.hpp"

namespace atelier::storage {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;

Error not_regular(const std::string& key) {
    return {ErrorClass::invalid_request, "the object \"" + key + "\" is not a regular file"};
}

constexpr std::string_view unfinished_prefix = ".incoming-";
constexpr std::size_t unfinished_digits = 16;

// Writes to a descriptor. 0, or the errno of the call that failed.
using Writer = std::function<int(int)>;

// 0, or the errno of the call that failed.
int write_bytes(int target, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(target, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return 0;
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
        if (const int failure = write_bytes(target, {buffer.data(), static_cast<std::size_t>(got)})) return failure;
        offset += static_cast<std::uint64_t>(got);
    }
    return 0;
}

// A name that no key takes by chance; what a crash may leave behind is told by it.
std::string temporary_name() {
    std::uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) return {};
    char name[unfinished_digits + 1];
    std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(random));
    return std::string(unfinished_prefix) + name;
}

// A file under construction.
struct Draft {
    UniqueFd file;
    std::string name;  // empty while it has none: the kernel drops it with its last descriptor, whoever is killed
};

// Without a name where the file system can do that and /proc is there to give it one later. Empty on failure, with
// errno.
Draft make_draft(int directory) {
    constexpr int flags = O_WRONLY | O_CLOEXEC;
    if (::access("/proc/self/fd", X_OK) == 0) {
        if (UniqueFd file{::openat(directory, ".", flags | O_TMPFILE, 0640)}) return {std::move(file), {}};
    }
    std::string name = temporary_name();
    if (name.empty()) return {};
    return {UniqueFd(::openat(directory, name.c_str(), flags | O_CREAT | O_EXCL | O_NOFOLLOW, 0640)), std::move(name)};
}

// 0, or the errno of the call that failed.
int write_durably(int file, const Writer& write) {
    if (const int failure = write(file)) return failure;
    // The umask of PostgreSQL took the group's right from the mode at its making.
    if (::fchmod(file, 0640) != 0 || ::fsync(file) != 0) return errno;
    return 0;
}

int link_to(int file, int directory, const std::string& name) {
    const std::string path = "/proc/self/fd/" + std::to_string(file);
    return ::linkat(AT_FDCWD, path.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

// 0, or the errno of the call that failed.
int publish(int directory, Draft& draft, const std::string& name) {
    if (draft.name.empty()) {
        const int failure = link_to(draft.file.get(), directory, name);
        if (failure != EEXIST) return failure;
        // Only a rename puts one file in another's place, and only a file with a name can be renamed.
        const std::string temporary = temporary_name();
        if (temporary.empty()) return errno;
        if (const int refused = link_to(draft.file.get(), directory, temporary)) return refused;
        draft.name = temporary;
    }
    return ::renameat(directory, draft.name.c_str(), directory, name.c_str()) == 0 ? 0 : errno;
}

// 0, or the errno of the call that failed; then nothing of it is left.
int put_durably(int directory, const std::string& name, const Writer& write) {
    Draft draft = make_draft(directory);
    if (!draft.file) return errno;
    int failure = write_durably(draft.file.get(), write);
    if (failure == 0) failure = publish(directory, draft, name);
    if (failure != 0) {
        if (!draft.name.empty()) ::unlinkat(directory, draft.name.c_str(), 0);
        return failure;
    }
    if (::fsync(directory) == 0) return 0;
    failure = errno;
    // It would be an object that no row knows of, since the put is told to have failed.
    ::unlinkat(directory, name.c_str(), 0);
    return failure;
}

Result<void> put_with(int store, const std::string& key, const Writer& write) {
    if (auto legal = core::check_store_key(key); !legal) return legal.error();
    // While writing, whatever stands in the way is the store's trouble, except a link in the path of the key.
    const auto failed = [&](int error_number) {
        if (error_number == ELOOP) return object_error(key, error_number);
        return Error{ErrorClass::storage_failed,
                     "the object \"" + key + "\" cannot be written: " + std::generic_category().message(error_number)};
    };
    const SplitKey split = split_key(key);
    const UniqueFd directory = make_directories(store, split.parent);
    if (!directory) return failed(errno);
    if (const int failure = put_durably(directory.get(), split.name, write)) return failed(failure);
    return {};
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

bool is_unfinished(std::string_view name) noexcept {
    return name.starts_with(unfinished_prefix) && name.size() == unfinished_prefix.size() + unfinished_digits &&
           name.find_first_not_of("0123456789abcdef", unfinished_prefix.size()) == std::string_view::npos;
}

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
    return put_with(directory_.get(), key, [&](int file) { return copy_bytes(source, file, size); });
}

Result<void> FileStore::put(const std::string& key, std::string_view bytes) const {
    return put_with(directory_.get(), key, [&](int file) { return write_bytes(file, bytes); });
}

Result<Removal> FileStore::remove(std::span<const std::string> keys) const {
    for (const std::string& key : keys) {
        if (auto legal = core::check_store_key(key); !legal) return legal.error();
    }
    Removal removal;
    std::map<std::string, std::vector<std::string>> removed;  // by parent; durable once that is synced
    for (const std::string& key : keys) {
        const SplitKey split = split_key(key);
        const UniqueFd directory = open_directory(directory_.get(), split.parent);
        if (!directory && errno == ENOENT) {
            removal.missing.push_back(key);
            continue;
        }
        const auto one =
            directory ? remove_one(directory.get(), key, split.name) : Result<Removed>(object_error(key, errno));
        if (!one) {
            removal.failed.push_back({key, one.error()});
            continue;
        }
        // Also of a missing one: who removed it may have died before the fsync.
        auto& of_parent = removed[split.parent];
        if (*one == Removed::yes) of_parent.push_back(key);
        if (*one == Removed::was_missing) removal.missing.push_back(key);
    }
    for (auto& [parent, all] : removed) {
        const UniqueFd directory = open_directory(directory_.get(), parent);
        const bool durable = directory ? ::fsync(directory.get()) == 0 : errno == ENOENT;
        const int failure = errno;
        for (std::string& key : all) {
            if (durable) removal.deleted.push_back(std::move(key));
            if (!durable) removal.failed.push_back({key, object_error(key, failure)});
        }
    }
    return removal;
}

Result<Listing> FileStore::list(const ListWish& wish) const {
    return list_files(directory_.get(), wish);
}

}  // namespace atelier::storage
