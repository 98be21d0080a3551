#include "executor/spool_directory.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::UniqueFd;

constexpr int open_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::size_t id_digits = 16;

constexpr std::array<std::pair<SpoolFile, std::string_view>, 3> suffixes{
    {{SpoolFile::segment, ".spool"}, {SpoolFile::temporary, ".tmp"}, {SpoolFile::damaged, ".damaged"}}};

Error refused(const std::string& path, const std::string& reason) {
    return {ErrorClass::storage_failed, "the spool directory \"" + path + "\" " + reason};
}

// 0, or the errno of the call that failed.
int make_durably(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) != 0) return errno == EEXIST ? 0 : errno;
    const auto parent = std::filesystem::path(path + "/..").lexically_normal();
    const UniqueFd fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return fd && ::fsync(fd.get()) == 0 ? 0 : errno;
}

}  // namespace

std::optional<std::uint64_t> draw_random() {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return std::nullopt;
    return number;
}

Result<UniqueFd> open_spool_directory(const std::string& path) {
    const auto failed = [&](int error_number) {
        return refused(path, "cannot be opened: " + std::generic_category().message(error_number));
    };
    UniqueFd directory(::open(path.c_str(), open_flags));
    if (!directory && errno == ENOENT) {
        if (const int failure = make_durably(path)) return failed(failure);
        directory.reset(::open(path.c_str(), open_flags));
    }
    if (!directory) {
        const int failure = errno;
        struct stat facts {};
        const bool is_link = ::lstat(path.c_str(), &facts) == 0 && S_ISLNK(facts.st_mode);
        return is_link ? refused(path, "is a symbolic link") : failed(failure);
    }
    struct stat facts {};
    if (::fstat(directory.get(), &facts) != 0) return failed(errno);
    if (facts.st_uid != ::geteuid()) return refused(path, "belongs to another user");
    if ((facts.st_mode & 07777) != 0700 && ::fchmod(directory.get(), 0700) != 0) return failed(errno);
    return directory;
}

std::string to_string(const SpoolName& name) {
    std::string text = name.id + "-" + std::to_string(name.number);
    for (const auto& [kind, suffix] : suffixes) {
        if (kind == name.kind) text += suffix;
    }
    return text;
}

std::optional<SpoolName> parse_spool_name(std::string_view name) {
    SpoolName parsed;
    parsed.id = name.substr(0, id_digits);
    if (parsed.id.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
    const std::string_view rest = name.substr(parsed.id.size());
    if (!rest.starts_with('-')) return std::nullopt;
    const auto [end, failure] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), parsed.number);
    if (failure != std::errc{}) return std::nullopt;
    const std::string_view suffix(end, static_cast<std::size_t>(rest.data() + rest.size() - end));
    for (const auto& [kind, known] : suffixes) {
        if (suffix != known) continue;
        parsed.kind = kind;
        // Only the one spelling that to_string gives: no leading zeros, no shorter id.
        if (to_string(parsed) == name && parsed.id.size() == id_digits) return parsed;
    }
    return std::nullopt;
}

}  // namespace atelier::executor
