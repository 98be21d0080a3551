#pragma once
// The store `file`: objects are regular files under one directory. No name leads out of it: each is resolved by the
// kernel beneath the directory, without following a symbolic link at any place (openat2, Linux 5.6).
//
// Errors: class invalid_request when the key breaks a rule or names something that is not an object (missing, a link,
// a directory, empty); storage_failed when the file system refuses (full, no permission, I/O error).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "storage/listing.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::storage {

// An object open for reading, at offset 0.
struct StoredObject {
    UniqueFd fd;
    std::uint64_t size = 0;  // bytes, > 0
};

struct Removal {
    struct Failed {
        std::string key;
        core::Error error;
    };
    std::vector<std::string> deleted;
    std::vector<std::string> missing;  // were not there: asked for twice, or never written
    std::vector<Failed> failed;
};

// Whether a file of this name is what a put that was killed may have left behind.
bool is_unfinished(std::string_view name) noexcept;

class FileStore {
  public:
    // The directory must exist. storage_failed otherwise.
    static core::Result<FileStore> open(const std::string& directory);

    // Never blocks on what is there: a FIFO or device is refused, not waited for.
    core::Result<StoredObject> open_object(const std::string& key) const;

    // Writes the first `size` bytes of `source` (read with pread, its offset stays) as the object: mode 0640, whole and
    // on disk under its name, or not there at all. Missing directories are made. An object with this key is replaced,
    // and lost when the disk fails at the very last step.
    core::Result<void> put(const std::string& key, int source, std::uint64_t size) const;
    core::Result<void> put(const std::string& key, std::string_view bytes) const;

    // Removes the objects, durably; an error as a whole when a key is illegal, before the first is removed. May be
    // repeated.
    core::Result<Removal> remove(std::span<const std::string> keys) const;

    // See file_listing.hpp.
    core::Result<Listing> list(const ListWish& wish) const;

  private:
    explicit FileStore(UniqueFd directory) : directory_(std::move(directory)) {}

    UniqueFd directory_;
};

}  // namespace atelier::storage
