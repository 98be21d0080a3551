#pragma once
// The spool: what a provider answered, on disk before anything else is done with it. An executor writes segments of its
// own, each held under flock as long as the executor lives; the segments of dead or orphaned executors are read by the
// next one (foreign_spool.hpp). Bytes: spool_format.hpp; names: spool_directory.hpp.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/spool_format.hpp"

namespace atelier::executor {

struct SpoolLimits {
    std::uint64_t max_bytes;  // of all own segments together; see has_room()
    // A new segment is begun beyond this, or beyond a quarter of max_bytes when that is less.
    std::uint64_t segment_bytes = std::uint64_t{64} * 1024 * 1024;
};

// Safe to be used by several threads.
class Spool {
  public:
    // Makes the directory if it must, and the first segment, locked before it is visible under its name. storage_failed
    // when that is not possible.
    static core::Result<std::unique_ptr<Spool>> open(const std::string& directory, const SpoolLimits& limits);
    ~Spool();  // removes segments that hold nothing unsettled, lets go of the others
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    // Where it is; it is on disk (fdatasync) when this returns, also beyond max_bytes: an answer is paid for by then.
    // Several records of one attempt are legal; `type` is not `filler`. storage_failed: it is not there, and readers
    // will not find it: a torn tail is cut off, what others have appended behind it stays. Head at most 1 MiB as text,
    // body at most 64 MiB.
    core::Result<SpoolPlace> append(RecordType type, std::uint64_t attempt, const core::Json& head,
                                    std::string_view body);

    // The worker has committed what became of the attempt, and all its records are of no use any more. Segments in
    // which nothing else is left are removed; this may begin a new one, and then takes as long as two fsyncs.
    void settled(std::uint64_t attempt);

    // Stands in the names of this executor's segments.
    const std::string& id() const;
    // On disk, settled records included as long as their segment is there.
    std::uint64_t bytes() const;
    // False when full: no new paid call may begin.
    bool has_room() const;
    // Whether the spool can be written and synced now: appends a filler, as long as the last record that failed.
    core::Result<void> probe();

  private:
    class Impl;
    explicit Spool(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace atelier::executor
