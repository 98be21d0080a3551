#include "executor/foreign_spool.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "executor/spool_directory.hpp"
#include "executor/spool_reader.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::executor {
namespace {

using storage::UniqueFd;
using Take = std::function<void(ForeignRecord)>;

// Id and number: in the order in which an executor wrote.
using SegmentKey = std::pair<std::string, std::uint64_t>;

struct Segment {
    SpoolReader reader;
    bool dead = false;                            // was seen without its lock
    bool ended = false;                           // dead, and read to its end
    bool foreign = false;                         // its header is none that this program can read: it stays as it is
    std::string trouble;                          // why some of it, or all, was not read
    std::unordered_set<std::uint64_t> unsettled;  // attempts that were taken
};

bool will_pass(int error_number) {
    return error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM || error_number == EINTR;
}

// Empty on failure, with errno.
UniqueFd open_file(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat facts {};
    if (!fd || ::fstat(fd.get(), &facts) != 0) return {};
    if (S_ISREG(facts.st_mode)) return fd;
    fd.reset();
    errno = EINVAL;
    return fd;
}

// Takes a shared lock, which goes with the descriptor: its writer is dead, other readers do not mind.
bool is_abandoned(int fd) {
    return ::flock(fd, LOCK_SH | LOCK_NB) == 0;
}

void give_up(Segment& segment, const std::string& reason) {
    segment.ended = true;
    segment.foreign = !segment.reader.header_read();
    segment.trouble = "cannot be read: " + reason;
}

void take_record(const std::string& path, Segment& segment, const Take& take) {
    const RecordView& record = segment.reader.record();
    // Of our own writing, as the checksum says: none of the limits for foreign JSON, which could lose an answer.
    core::Json head = core::Json::parse(record.head, nullptr, false);
    if (head.is_discarded()) {
        segment.trouble = "holds a record without a legal head";
        return;
    }
    segment.unsettled.insert(record.attempt);
    take({record.type,
          record.attempt,
          std::move(head),
          std::string(record.body),
          {path, segment.reader.record_offset()}});
}

// Over a place in a dead segment where no whole record begins. False when none follows.
bool pass_over(int fd, Segment& segment, SpoolReader::Found found) {
    const auto next = segment.reader.skip(fd);
    if (!next) {
        give_up(segment, next.error().message);
        return false;
    }
    // What is torn at the end is an append that never returned: nobody counts on it.
    if (*next || found == SpoolReader::Found::broken) segment.trouble = "is damaged, its whole records were read";
    segment.ended = !*next;
    return *next;
}

// To behind the next record, which counts against `most`. False when there is nothing more to be read now.
bool read_one(const std::string& path, int fd, Segment& segment, std::size_t& most, const Take& take) {
    using Found = SpoolReader::Found;
    const auto found = segment.reader.next(fd);
    if (found.ok() && *found == Found::record) {
        if (segment.reader.record().type == RecordType::filler) return true;
        --most;
        take_record(path, segment, take);
        return true;
    }
    if (!segment.dead) return false;
    if (found.ok() && *found != Found::end) return pass_over(fd, segment, *found);
    segment.ended = true;
    if (!found) give_up(segment, found.error().message);
    return false;
}

}  // namespace

core::Result<ForeignRecord> read_record(const SpoolPlace& place) {
    const auto failed = [](const std::string& reason) {
        return core::Error{core::ErrorClass::storage_failed, "the receipt cannot be read: " + reason};
    };
    const UniqueFd fd = open_file(place.path);
    if (!fd) return failed(std::generic_category().message(errno));
    SpoolReader reader;
    const auto found = reader.read_at(fd.get(), place.offset);
    if (!found) return failed(found.error().message);
    if (*found != SpoolReader::Found::record) return failed("there is no record");
    const RecordView& record = reader.record();
    core::Json head = core::Json::parse(record.head, nullptr, false);
    if (head.is_discarded()) return failed("its head is not legal");
    return ForeignRecord{record.type, record.attempt, std::move(head), std::string(record.body), place};
}

class ForeignSpool::Impl {
  public:
    Impl(std::string directory, std::string own_id) : directory_(std::move(directory)), own_id_(std::move(own_id)) {}

    void set_own_id(std::string own_id) { own_id_ = std::move(own_id); }

    void poll(std::size_t most, const Take& take) {
        finished_ = false;
        if (!scan()) return;
        for (auto& [key, segment] : segments_) {
            if (!segment.ended) read_on(key, segment, most, take);
        }
        remove_settled();
        // Who lives holds a segment at any time. So when all that are known are dead, and no other is there now, nobody
        // lives who could have begun one since the first scan.
        const std::size_t known = segments_.size();
        finished_ = all_ended() && scan() && segments_.size() == known;
    }

    bool finished() const noexcept { return finished_; }

    void settled(std::uint64_t attempt) {
        for (auto& [key, segment] : segments_) {
            segment.unsettled.erase(attempt);
        }
        remove_settled();
    }

    std::string trouble() const {
        std::vector<std::string> all;
        if (!trouble_.empty()) all.push_back(trouble_);
        for (const auto& [key, segment] : segments_) {
            if (!segment.trouble.empty()) all.push_back(quoted(key, SpoolFile::segment) + segment.trouble);
        }
        for (const SegmentKey& key : damaged_) {
            all.push_back(quoted(key, SpoolFile::damaged) + "is damaged, what was whole in it has been settled");
        }
        constexpr std::size_t most = 3;
        std::string text;
        for (std::size_t i = 0; i < std::min(all.size(), most); ++i) {
            text += (i > 0 ? "; " : "") + all[i];
        }
        if (all.size() > most) text += "; and " + std::to_string(all.size() - most) + " more";
        return text;
    }

  private:
    std::string path_of(const SegmentKey& key, SpoolFile kind) const {
        return directory_ + "/" + to_string(SpoolName{key.first, key.second, kind});
    }

    std::string quoted(const SegmentKey& key, SpoolFile kind) const { return "\"" + path_of(key, kind) + "\" "; }

    bool all_ended() const {
        return std::all_of(segments_.begin(), segments_.end(), [](const auto& entry) { return entry.second.ended; });
    }

    // Adds the segments that are new. False when the directory cannot be read.
    bool scan() {
        trouble_.clear();
        damaged_.clear();
        std::error_code failure;
        std::filesystem::directory_iterator entry(directory_, failure);
        for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
            const auto name = parse_spool_name(entry->path().filename().string());
            if (!name || name->id == own_id_) continue;
            const SegmentKey key{name->id, name->number};
            if (name->kind == SpoolFile::segment) segments_[key];
            if (name->kind == SpoolFile::damaged) damaged_.insert(key);
            if (name->kind == SpoolFile::temporary) remove_leftover(entry->path().string());
        }
        if (!failure || failure == std::errc::no_such_file_or_directory) return true;
        trouble_ = "the spool directory \"" + directory_ + "\" cannot be read: " + failure.message();
        return false;
    }

    // A living executor locks it before it writes to it, and makes another when this one came in between.
    static void remove_leftover(const std::string& path) {
        const UniqueFd fd = open_file(path);
        if (fd && is_abandoned(fd.get())) ::unlink(path.c_str());
    }

    void read_on(const SegmentKey& key, Segment& segment, std::size_t& most, const Take& take) {
        const std::string path = path_of(key, SpoolFile::segment);
        const UniqueFd fd = open_file(path);
        if (!fd) {
            if (will_pass(errno)) return;
            segment.dead = segment.ended = true;
            // Its writer removes what was settled.
            if (errno != ENOENT) give_up(segment, std::generic_category().message(errno));
            return;
        }
        // Before reading: all that a dead writer wrote is there.
        segment.dead = segment.dead || is_abandoned(fd.get());
        while (most > 0 && read_one(path, fd.get(), segment, most, take)) {
        }
    }

    // True when its name is gone; else it is tried again later.
    bool remove_file(const SegmentKey& key, bool is_whole) {
        const std::string path = path_of(key, SpoolFile::segment);
        const std::string aside = path_of(key, SpoolFile::damaged);
        const int result = is_whole ? ::unlink(path.c_str()) : ::rename(path.c_str(), aside.c_str());
        if (result == 0 && !is_whole) damaged_.insert(key);
        return result == 0 || errno == ENOENT;
    }

    void remove_settled() {
        std::erase_if(segments_, [&](const auto& entry) {
            const auto& [key, segment] = entry;
            return segment.ended && !segment.foreign && segment.unsettled.empty() &&
                   remove_file(key, segment.trouble.empty());
        });
    }

    std::string directory_;
    std::string own_id_;
    std::map<SegmentKey, Segment> segments_;
    std::set<SegmentKey> damaged_;  // were set aside
    std::string trouble_;           // of the directory
    bool finished_ = false;
};

ForeignSpool::ForeignSpool(std::string directory, std::string own_id)
    : impl_(std::make_unique<Impl>(std::move(directory), std::move(own_id))) {}
ForeignSpool::~ForeignSpool() = default;

void ForeignSpool::set_own_id(std::string own_id) {
    impl_->set_own_id(std::move(own_id));
}

void ForeignSpool::poll(std::size_t most, const Take& take) {
    impl_->poll(most, take);
}

bool ForeignSpool::finished() const {
    return impl_->finished();
}

void ForeignSpool::settled(std::uint64_t attempt) {
    impl_->settled(attempt);
}

std::string ForeignSpool::trouble() const {
    return impl_->trouble();
}

}  // namespace atelier::executor
