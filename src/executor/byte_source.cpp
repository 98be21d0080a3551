#include "executor/byte_source.hpp"

#include <algorithm>

#include "executor/file_facts.hpp"

namespace atelier::executor {

core::Result<std::string> ByteSource::read(std::uint64_t offset, std::uint64_t size) const {
    const std::uint64_t length = std::min(size, size_ - std::min(offset, size_));
    if (!file_) return bytes_.substr(offset, length);
    return read_file(file_.get(), offset, length);
}

core::Result<void> ByteSource::put_into(const storage::FileStore& store, const std::string& key) const {
    return file_ ? store.put(key, file_.get(), size_) : store.put(key, bytes_);
}

}  // namespace atelier::executor
