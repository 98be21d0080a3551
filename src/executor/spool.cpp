#include "executor/spool.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <system_error>
#include <vector>

#include "executor/spool_directory.hpp"
#include "executor/spool_segment.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::UniqueFd;

// A segment in which all is settled may grow to this before it is replaced: replacing takes two fsyncs.
constexpr std::uint64_t idle_bytes = std::uint64_t{1} * 1024 * 1024;
constexpr std::size_t least_probe_bytes = 4096;

Error cannot_write(int error_number) {
    return {ErrorClass::storage_failed,
            "the spool cannot be written: " + std::generic_category().message(error_number)};
}

std::string hexadecimal(std::uint64_t number) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
    return digits;
}

int sync_data(int fd) {
    while (::fdatasync(fd) != 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}

}  // namespace

// The last of the segments is the one that is written. It is replaced, never emptied: who reads it would lose his
// place. And it is there until its successor is, so that an executor which lives always holds a lock.
class Spool::Impl {
  public:
    using Segment = std::shared_ptr<SpoolSegment>;

    Impl(std::string directory, const SpoolLimits& limits, std::uint64_t id, std::uint64_t mark)
        : path_(std::move(directory)), limits_(limits), id_(hexadecimal(id)), mark_(mark) {
        limits_.segment_bytes = std::min(limits_.segment_bytes, limits_.max_bytes / 4);
    }

    ~Impl() {
        for (const Segment& segment : segments_) {
            if (segment->unsettled.empty()) ::unlinkat(directory_.get(), segment->name.c_str(), 0);
        }
    }

    Result<void> begin_segment() {
        auto directory = open_spool_directory(path_);
        if (!directory) return directory.error();
        SpoolSegment segment;
        if (const int failure = make_segment(directory->get(), id_, last_number_, mark_, segment)) {
            return cannot_write(failure);
        }
        directory_ = std::move(*directory);
        segments_.push_back(std::make_shared<SpoolSegment>(std::move(segment)));
        count_bytes();
        return {};
    }

    Result<SpoolPlace> append(const RecordView& record) {
        const auto encoded = encode_record(mark_, record);
        if (!encoded) return encoded.error();
        std::unique_lock lock(mutex_);
        if (auto writable = make_writable(encoded->size()); !writable) return failed(*encoded, writable.error());
        const Segment segment = segments_.back();
        const std::uint64_t place = segment->tail;
        if (const int failure = write_record(segment->fd.get(), place, *encoded)) {
            if (::ftruncate(segment->fd.get(), static_cast<off_t>(place)) != 0) segment->failure = failure;
            return failed(*encoded, cannot_write(failure));
        }
        segment->tail += encoded->size();
        count_bytes();
        if (record.type != RecordType::filler) segment->unsettled.insert(record.attempt);
        sync(lock, *segment, segment->tail);
        if (segment->synced >= place + encoded->size()) return SpoolPlace{path_ + "/" + segment->name, place};
        withdraw(*segment, place, record);
        return failed(*encoded, cannot_write(segment->failure));
    }

    void settled(std::uint64_t attempt) {
        const std::lock_guard lock(mutex_);
        for (const Segment& segment : segments_) {
            segment->unsettled.erase(attempt);
        }
        remove_settled();
    }

    Result<void> probe() {
        const std::string body(probe_bytes(), '\0');
        if (auto appended = append({RecordType::filler, 0, {}, body}); !appended) return appended.error();
        const std::lock_guard lock(mutex_);
        failed_bytes_ = 0;
        remove_settled();
        return {};
    }

    // Without the lock, which is held while records are written.
    std::uint64_t bytes() const { return bytes_; }

    bool has_room() const { return bytes() < limits_.max_bytes; }
    const std::string& id() const noexcept { return id_; }

  private:
    void count_bytes() {
        std::uint64_t sum = 0;
        for (const Segment& segment : segments_) {
            sum += segment->tail;
        }
        bytes_ = sum;
    }

    // A last segment that takes a record of this size.
    Result<void> make_writable(std::size_t record_bytes) {
        SpoolSegment& last = *segments_.back();
        struct stat facts {};
        // What is appended to a file that somebody has removed would be lost.
        if (::fstat(last.fd.get(), &facts) != 0 || facts.st_nlink == 0) last.failure = ENOENT;
        const bool is_full = last.tail > segment_header_bytes && last.tail + record_bytes > limits_.segment_bytes;
        if (last.failure == 0 && !is_full) return {};
        auto begun = begin_segment();
        if (begun) {
            remove_settled();
            return {};
        }
        // Rather a segment beyond its size than an answer lost.
        if (segments_.back()->failure == 0) return {};
        return begun;
    }

    // Until everything before `end` is on disk, or the segment has failed. One thread at a time syncs, for all that
    // wait: Linux reports a page that it could not write to one fdatasync only, the next one would succeed without it.
    void sync(std::unique_lock<std::mutex>& lock, SpoolSegment& segment, std::uint64_t end) {
        while (segment.synced < end && segment.failure == 0) {
            if (segment.syncing) {
                sync_ended_.wait(lock);
                continue;
            }
            segment.syncing = true;
            const std::uint64_t tail = segment.tail;
            lock.unlock();
            const int failure = sync_data(segment.fd.get());
            lock.lock();
            segment.syncing = false;
            if (failure == 0) {
                segment.synced = tail;
            } else {
                segment.failure = failure;
            }
            sync_ended_.notify_all();
        }
    }

    // The segment has failed, nobody appends to it any more; what others had appended by then stays where it is.
    void withdraw(SpoolSegment& segment, std::uint64_t place, const RecordView& record) {
        if (const auto one = segment.unsettled.find(record.attempt);
            record.type != RecordType::filler && one != segment.unsettled.end()) {
            segment.unsettled.erase(one);
        }
        const auto filler = encode_record(mark_, {RecordType::filler, record.attempt, record.head, record.body});
        if (segment.tail == place + filler->size() && ::ftruncate(segment.fd.get(), static_cast<off_t>(place)) == 0) {
            segment.tail = place;
            count_bytes();
            return;
        }
        // Of a disk that refuses this too there is nothing more to be had.
        (void)write_record(segment.fd.get(), place, *filler);
    }

    Error failed(const EncodedRecord& record, Error error) {
        failed_bytes_ = std::max(failed_bytes_, record.body.size());
        return error;
    }

    std::size_t probe_bytes() const {
        const std::lock_guard lock(mutex_);
        return std::max(failed_bytes_, least_probe_bytes);
    }

    void remove_settled() {
        // When no new one can be begun now, the next call tries again.
        if (const SpoolSegment& last = *segments_.back();
            last.unsettled.empty() && last.tail > std::min(idle_bytes, limits_.segment_bytes)) {
            (void)begin_segment();
        }
        const Segment last = segments_.back();
        std::erase_if(segments_, [&](const Segment& segment) {
            if (segment == last || !segment->unsettled.empty()) return false;
            ::unlinkat(directory_.get(), segment->name.c_str(), 0);
            return true;
        });
        count_bytes();
    }

    std::string path_;
    SpoolLimits limits_;
    std::string id_;
    std::uint64_t mark_;
    std::atomic<std::uint64_t> bytes_{0};
    mutable std::mutex mutex_;  // of all that follows
    std::condition_variable sync_ended_;
    UniqueFd directory_;
    std::vector<Segment> segments_;
    std::uint64_t last_number_ = 0;
    std::size_t failed_bytes_ = 0;  // the longest body of a record that failed since the last good probe
};

Result<std::unique_ptr<Spool>> Spool::open(const std::string& directory, const SpoolLimits& limits) {
    const auto id = draw_random();
    const auto mark = draw_random();
    if (!id || !mark) return cannot_write(errno);
    auto impl = std::make_unique<Impl>(directory, limits, *id, *mark);
    if (auto begun = impl->begin_segment(); !begun) return begun.error();
    return std::unique_ptr<Spool>(new Spool(std::move(impl)));
}

Spool::Spool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Spool::~Spool() = default;

Result<SpoolPlace> Spool::append(RecordType type, std::uint64_t attempt, const core::Json& head,
                                 std::string_view body) {
    const std::string text = core::write_json(head);
    return impl_->append({type, attempt, text, body});
}

void Spool::settled(std::uint64_t attempt) {
    impl_->settled(attempt);
}

const std::string& Spool::id() const {
    return impl_->id();
}

std::uint64_t Spool::bytes() const {
    return impl_->bytes();
}

bool Spool::has_room() const {
    return impl_->has_room();
}

Result<void> Spool::probe() {
    return impl_->probe();
}

}  // namespace atelier::executor
