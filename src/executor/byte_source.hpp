#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/result.hpp"
#include "storage/file_store.hpp"

namespace atelier::executor {

// Bytes to be put into a store: held in memory, or of an open file that nobody changes. Safe to be read by several
// threads.
class ByteSource {
  public:
    explicit ByteSource(std::string bytes) : bytes_(std::move(bytes)), size_(bytes_.size()) {}
    explicit ByteSource(storage::StoredObject file) : file_(std::move(file.fd)), size_(file.size) {}

    std::uint64_t size() const noexcept { return size_; }

    // Up to `size` bytes from `offset` on, fewer at the end. storage_failed when the file became shorter or cannot be
    // read.
    core::Result<std::string> read(std::uint64_t offset, std::uint64_t size) const;
    core::Result<void> put_into(const storage::FileStore& store, const std::string& key) const;

  private:
    storage::UniqueFd file_;  // empty: the bytes are held
    std::string bytes_;
    std::uint64_t size_;
};

using SharedBytes = std::shared_ptr<const ByteSource>;

}  // namespace atelier::executor
