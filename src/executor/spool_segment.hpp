#pragma once
// A segment file of an executor's own: making and writing it. Which record goes where is decided in spool.cpp.

#include <cstdint>
#include <string>
#include <unordered_set>

#include "executor/spool_format.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::executor {

struct SpoolSegment {
    std::string name;
    storage::UniqueFd fd;                              // holds the flock
    std::uint64_t tail = 0;                            // where the next record goes
    std::uint64_t synced = 0;                          // what is before this is on disk
    bool syncing = false;                              // a thread is in fdatasync
    int failure = 0;                                   // the errno for which nothing more is appended here
    std::unordered_multiset<std::uint64_t> unsettled;  // attempts, one for each record
};

// Makes an empty segment: locked, then durable, then visible under its name. `last_number` is counted up. 0, or the
// errno of the call that failed; then nothing is left of it.
int make_segment(int directory, const std::string& id, std::uint64_t& last_number, std::uint64_t mark,
                 SpoolSegment& segment);

// Writes a record at `place`. 0, or the errno of the call that failed; then any part of it may be there.
int write_record(int fd, std::uint64_t place, const EncodedRecord& record);

}  // namespace atelier::executor
