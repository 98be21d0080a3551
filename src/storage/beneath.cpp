#include "storage/beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace atelier::storage {
namespace {

constexpr std::uint64_t directory_flags = O_RDONLY | O_DIRECTORY;

// Makes one directory and opens it. `name` has no '/', so mkdirat cannot leave `parent`.
UniqueFd make_directory(int parent, const std::string& name) {
    if (UniqueFd present = open_beneath(parent, name, directory_flags); present || errno != ENOENT) return present;
    if (::mkdirat(parent, name.c_str(), 0750) != 0 && errno != EEXIST) return {};
    if (::fsync(parent) != 0) return {};
    return open_beneath(parent, name, directory_flags);
}

}  // namespace

UniqueFd open_beneath(int directory, const std::string& path, std::uint64_t flags) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    // EAGAIN: something on the way was renamed meanwhile and the kernel could not rule out an escape.
    for (int tries = 0; tries < 32; ++tries) {
        const long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
        if (fd >= 0) return UniqueFd(static_cast<int>(fd));
        if (errno != EAGAIN && errno != EINTR) break;
    }
    return {};
}

UniqueFd open_directory(int root, const std::string& path) {
    return open_beneath(root, path.empty() ? "." : path, directory_flags);
}

UniqueFd make_directories(int root, const std::string& path) {
    UniqueFd directory = open_directory(root, path);
    if (directory || errno != ENOENT) return directory;
    directory = open_directory(root, "");
    for (std::size_t start = 0; directory && start < path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        directory = make_directory(directory.get(), path.substr(start, end - start));
        start = end + 1;
    }
    return directory;
}

SplitKey split_key(std::string_view key) {
    const std::size_t slash = key.rfind('/');
    if (slash == std::string_view::npos) return {"", std::string(key)};
    return {std::string(key.substr(0, slash)), std::string(key.substr(slash + 1))};
}

core::Error object_error(const std::string& key, int error_number) {
    const auto refuse = [&](std::string_view reason) {
        return core::Error{core::ErrorClass::invalid_request, "the object \"" + key + "\" " + std::string(reason)};
    };
    switch (error_number) {
        case ENOENT:
        case ENOTDIR:
            return refuse("does not exist");
        case ELOOP:
            return refuse("is, or is reached through, a symbolic link");
        case EXDEV:
            return refuse("lies outside of the store");
        case ENAMETOOLONG:
            return refuse("has a name too long for the file system");
        case EISDIR:
        case ENXIO:
        case ENODEV:
            return refuse("is not a regular file");
        default:
            return {core::ErrorClass::storage_failed,
                    "the object \"" + key + "\": " + std::generic_category().message(error_number)};
    }
}

}  // namespace atelier::storage
