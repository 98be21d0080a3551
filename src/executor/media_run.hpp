#pragma once
// One media child under way: its report is read, its end is told.

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "executor/event_loop.hpp"
#include "executor/outcome.hpp"
#include "storage/file_store.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::executor {

enum class MediaMode { compose, inspect, measure };

struct MediaTask {
    MediaMode mode;
    std::string order;                          // JSON for the child
    std::vector<storage::StoredObject> inputs;  // at offset 0
};

struct MediaEnd {
    ChildEnd end;
    std::string report;                         // at most max_report_bytes
    storage::UniqueFd output;                   // compose: what the child wrote, sealed; else empty
    std::vector<storage::StoredObject> inputs;  // as they were given
};

class MediaRun {
  public:
    using Done = std::function<void(MediaEnd)>;

    // Calls `done` once, from the loop, when the child is gone; `done` may destroy the run.
    static core::Result<std::unique_ptr<MediaRun>> start(EventLoop& loop, const std::string& program, MediaTask task,
                                                         Done done);

    // Kills the child and all it started. The end is told through `done` all the same.
    void kill() noexcept;

    // A child still there is killed; nobody is told.
    ~MediaRun();
    MediaRun(const MediaRun&) = delete;
    MediaRun& operator=(const MediaRun&) = delete;

  private:
    MediaRun(EventLoop& loop, std::vector<storage::StoredObject> inputs, Done done)
        : loop_(loop), inputs_(std::move(inputs)), done_(std::move(done)) {}

    core::Result<void> launch(const std::string& program, MediaMode mode, const std::string& order);
    void read_report();
    void close_report() noexcept;
    void reap();

    EventLoop& loop_;
    std::vector<storage::StoredObject> inputs_;
    Done done_;
    pid_t pid_ = -1;  // -1 once it is reaped
    storage::UniqueFd process_;
    storage::UniqueFd report_pipe_;
    storage::UniqueFd output_;
    EventLoop::WatchId process_watch_ = 0;
    EventLoop::WatchId report_watch_ = 0;
    std::string report_;
    bool report_too_long_ = false;
};

}  // namespace atelier::executor
