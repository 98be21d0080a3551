#pragma once
// Reads a spool segment record by record. Holds at most one record in memory.

#include <cstdint>
#include <string>

#include "core/result.hpp"
#include "executor/spool_format.hpp"

namespace atelier::executor {

class SpoolReader {
  public:
    enum class Found {
        record,      // record() is it; the place is behind it now
        end,         // of what is there
        incomplete,  // the begin of a record: torn, or still being written
        broken,      // no record, however many bytes follow
    };

    // The record at this place, in the segment that `fd` was opened for; before the first one, the segment's header.
    // Incomplete or broken: the place stays, the next call looks at it again. storage_failed: the file cannot be read,
    // or is no segment of this version (then Found never comes).
    core::Result<Found> next(int fd);

    // To the next place behind this one where a record begins; to the end and false when there is none.
    core::Result<bool> skip(int fd);

    // The record that begins there, if one does.
    core::Result<Found> read_at(int fd, std::uint64_t offset);

    // After Found::record, until the next call.
    std::uint64_t record_offset() const noexcept { return place_ - record_size_; }
    const RecordView& record() const noexcept { return record_; }

    // Whether the header was read and is one of ours.
    bool header_read() const noexcept { return place_ != 0; }

  private:
    core::Result<void> read_header(int fd);

    std::uint64_t mark_ = 0;
    std::uint64_t place_ = 0;
    std::string buffer_;
    RecordView record_;
    std::uint64_t record_size_ = 0;
};

}  // namespace atelier::executor
