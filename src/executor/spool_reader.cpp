#include "executor/spool_reader.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace atelier::executor {
namespace {

using core::Result;

// Makes `buffer` at most `size` bytes long by reading what follows its end; the buffer begins at `place` of the file.
Result<void> read_up_to(int fd, std::uint64_t place, std::size_t size, std::string& buffer) {
    std::size_t filled = buffer.size();
    buffer.resize(size);
    while (filled < size) {
        const ssize_t got = ::pread(fd, buffer.data() + filled, size - filled, static_cast<off_t>(place + filled));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return core::Error{core::ErrorClass::storage_failed, std::generic_category().message(errno)};
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    buffer.resize(filled);
    return {};
}

}  // namespace

Result<void> SpoolReader::read_header(int fd) {
    std::string header;
    if (auto read = read_up_to(fd, 0, segment_header_bytes, header); !read) return read;
    const auto mark = decode_segment_header(header);
    if (!mark) return mark.error();
    mark_ = *mark;
    place_ = segment_header_bytes;
    return {};
}

Result<SpoolReader::Found> SpoolReader::next(int fd) {
    if (!header_read()) {
        if (auto header = read_header(fd); !header) return header.error();
    }
    buffer_.clear();
    DecodedRecord decoded{DecodedRecord::State::incomplete, record_header_bytes, {}};
    while (decoded.state == DecodedRecord::State::incomplete && decoded.size > buffer_.size()) {
        const std::size_t wanted = decoded.size;
        if (auto read = read_up_to(fd, place_, wanted, buffer_); !read) return read.error();
        if (buffer_.empty()) break;
        decoded = decode_record(mark_, buffer_);
        if (buffer_.size() < wanted) break;  // all that is there
    }
    if (decoded.state == DecodedRecord::State::complete) {
        place_ += decoded.size;
        record_size_ = decoded.size;
        record_ = decoded.record;
        return Found::record;
    }
    const bool at_end = buffer_.empty();
    buffer_ = {};
    if (at_end) return Found::end;
    return decoded.state == DecodedRecord::State::broken ? Found::broken : Found::incomplete;
}

Result<SpoolReader::Found> SpoolReader::read_at(int fd, std::uint64_t offset) {
    if (!header_read()) {
        if (auto header = read_header(fd); !header) return header.error();
    }
    place_ = offset;
    return next(fd);
}

Result<bool> SpoolReader::skip(int fd) {
    constexpr std::size_t window_bytes = 256 * 1024;
    const std::string mark = encode_mark(mark_);
    for (++place_;; place_ += buffer_.size() - mark.size() + 1) {
        buffer_.clear();
        if (auto read = read_up_to(fd, place_, window_bytes, buffer_); !read) return read.error();
        if (const auto at = buffer_.find(mark); at != std::string::npos) {
            place_ += at;
            return true;
        }
        if (buffer_.size() < window_bytes) {
            place_ += buffer_.size();
            return false;
        }
    }
}

}  // namespace atelier::executor
