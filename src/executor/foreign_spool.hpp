#pragma once
// The segments that other executors left in the spool: dead ones, and an orphan that still finishes its calls.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/spool_format.hpp"

namespace atelier::executor {

struct ForeignRecord {
    RecordType type;  // receipt or not_sent
    std::uint64_t attempt;
    core::Json head;
    std::string body;
    SpoolPlace place;
};

// The record at that place, of a segment of whomever, own ones included. storage_failed when it is not there, or cannot
// be read.
core::Result<ForeignRecord> read_record(const SpoolPlace& place);

// For one thread.
class ForeignSpool {
  public:
    // The segments that are there, but for those of the executor `own_id` (Spool::id()); empty: it has none.
    ForeignSpool(std::string directory, std::string own_id);
    // Before the first poll at which there may be segments of its own.
    void set_own_id(std::string own_id);
    ~ForeignSpool();
    ForeignSpool(const ForeignSpool&) = delete;
    ForeignSpool& operator=(const ForeignSpool&) = delete;

    // Reads on: calls `take` for complete records that were not taken yet, at most `most` of them, each once, those of
    // a segment in their order; holds one record in memory at a time. Segments that an orphan begins meanwhile (its
    // rotation) are found too. What is torn or damaged is left alone while its writer lives. When it is dead, a torn
    // end is passed over, and behind a damaged place reading goes on at the next whole record.
    // Dead segments with nothing to settle are removed, and what a dead executor left in the making.
    void poll(std::size_t most, const std::function<void(ForeignRecord)>& take);

    // At the last poll every segment was read to its end and its writer was dead. Segments that cannot be read at all
    // do not stand in the way; a directory that cannot be read does.
    bool finished() const;

    // The worker has committed what became of the attempt. Segments with nothing else left, and finished, are removed;
    // of those that were damaged the file is kept under another name (spool_directory.hpp) and not read again.
    void settled(std::uint64_t attempt);

    // Segments that could not be read, or not as a whole: what to tell the DBA; empty: none. It stays until the files
    // are gone.
    std::string trouble() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace atelier::executor
