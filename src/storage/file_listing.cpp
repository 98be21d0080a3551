#include "storage/file_listing.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

#include "core/store_key.hpp"
#include "storage/beneath.hpp"
#include "storage/file_store.hpp"

namespace atelier::storage {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;

// A tree of empty directories ends a page too.
constexpr std::size_t most_directories = 10'000;

struct Closer {
    void operator()(DIR* stream) const noexcept { ::closedir(stream); }
};
using Stream = std::unique_ptr<DIR, Closer>;

// What was gone, or became something else, since its name was read.
bool is_gone(int error_number) noexcept {
    return error_number == ENOENT || error_number == ENOTDIR || error_number == ELOOP;
}

Error unreadable(const std::string& path, int error_number) {
    return {ErrorClass::storage_failed,
            "the directory \"" + path + "\" cannot be read: " + std::generic_category().message(error_number)};
}

class Walk {
  public:
    Walk(int root, const ListWish& wish) : root_(root), wish_(wish) {}

    Result<Listing> run() {
        // Nothing outside of the last directory that the prefix names begins with it.
        const std::size_t slash = wish_.prefix.rfind('/');
        const std::string start = slash == std::string::npos ? "" : wish_.prefix.substr(0, slash + 1);
        if (auto walked = enter(start); !walked) return walked.error();
        return std::move(listing_);
    }

  private:
    // Paths of directories end with '/', so that they stand where their keys do: "a-b" before "a/b" before "a0". Of a
    // directory with more names than a page has room for only the lowest ones are kept, and it is read again for the
    // next ones.
    struct Names {
        std::vector<std::string> lowest;
        bool is_all = true;
    };

    bool has_objects_wanted(const std::string& path) const {
        const bool is_directory = path.ends_with('/');
        if (is_directory && std::string_view(path).substr(0, wish_.prefix.size()) !=
                                std::string_view(wish_.prefix).substr(0, path.size()))
            return false;
        if (!is_directory && !path.starts_with(wish_.prefix)) return false;
        return path > wish_.after || (is_directory && wish_.after.starts_with(path));
    }

    // The path below the root of an entry that may be wanted, or lead to what is; else empty.
    std::string path_of(int directory, const std::string& parent, const dirent& entry) const {
        const std::string name = entry.d_name;
        if (name == "." || name == ".." || is_unfinished(name)) return {};
        unsigned char type = entry.d_type;
        if (type == DT_UNKNOWN) {
            struct stat facts {};
            if (::fstatat(directory, entry.d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return {};
            type = S_ISDIR(facts.st_mode) ? DT_DIR : S_ISREG(facts.st_mode) ? DT_REG : DT_UNKNOWN;
        }
        if (type != DT_DIR && type != DT_REG) return {};
        std::string path = parent + name;
        if (!core::check_store_key(path)) return {};
        if (type == DT_DIR) path.push_back('/');
        return has_objects_wanted(path) ? path : std::string();
    }

    Result<Names> read_names(int directory, const std::string& parent, const std::string& behind) const {
        // A descriptor of its own: readdir moves the offset, and closedir closes.
        UniqueFd own = open_directory(directory, "");
        if (!own) return unreadable(parent, errno);
        const Stream stream(::fdopendir(own.get()));
        if (!stream) return unreadable(parent, errno);
        const int fd = own.release();
        const std::size_t most = wish_.limit + 1;
        Names names;
        for (errno = 0; const dirent* entry = ::readdir(stream.get()); errno = 0) {
            std::string path = path_of(fd, parent, *entry);
            if (path.empty() || path <= behind) continue;
            names.lowest.push_back(std::move(path));
            std::push_heap(names.lowest.begin(), names.lowest.end());
            if (names.lowest.size() <= most) continue;
            std::pop_heap(names.lowest.begin(), names.lowest.end());
            names.lowest.pop_back();
            names.is_all = false;
        }
        if (errno != 0) return unreadable(parent, errno);
        std::sort_heap(names.lowest.begin(), names.lowest.end());
        return names;
    }

    // `path` is empty or ends with '/'. Whether the page has room for more.
    Result<bool> enter(const std::string& path) {
        const UniqueFd directory = open_directory(root_, path.substr(0, path.size() - (path.empty() ? 0 : 1)));
        if (!directory && is_gone(errno)) return true;
        if (!directory) return unreadable(path, errno);
        std::string behind;
        for (;;) {
            const auto names = read_names(directory.get(), path, behind);
            if (!names) return names.error();
            for (const std::string& each : names->lowest) {
                const auto more = each.ends_with('/') ? enter_next(each) : Result<bool>(add(directory.get(), each));
                if (!more || !*more) return more;
            }
            if (names->is_all) return true;
            behind = names->lowest.back();
        }
    }

    Result<bool> enter_next(const std::string& path) {
        // All before it were looked at, and all within it come after its own path.
        if (path > wish_.after && ++directories_ > most_directories) {
            listing_.next = path;
            return false;
        }
        return enter(path);
    }

    bool add(int directory, const std::string& key) {
        struct stat facts {};
        const std::string name = split_key(key).name;
        if (::fstatat(directory, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(facts.st_mode))
            return true;
        if (listing_.objects.size() == wish_.limit || key_bytes_ + key.size() > wish_.max_key_bytes) {
            listing_.next = listing_.objects.back().key;
            return false;
        }
        key_bytes_ += key.size();
        listing_.objects.push_back({key, static_cast<std::uint64_t>(facts.st_size), facts.st_mtim.tv_sec});
        return true;
    }

    const int root_;
    const ListWish& wish_;
    Listing listing_;
    std::size_t key_bytes_ = 0;
    std::size_t directories_ = 0;
};

}  // namespace

Result<Listing> list_files(int root, const ListWish& wish) {
    return Walk(root, wish).run();
}

}  // namespace atelier::storage
