#pragma once
// Answers for what other executors paid for: reads their segments in the spool, as long as one of them still writes,
// and has every receipt settled. Those whose store refuses them wait on disk, and hold up no others.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "executor/answer.hpp"
#include "executor/event_loop.hpp"
#include "executor/foreign_spool.hpp"
#include "executor/notice.hpp"
#include "executor/settler.hpp"

namespace atelier::executor {

class Adoption {
  public:
    struct Handlers {
        // What it says of the pace of its service is not known to be so any more.
        std::function<void(std::uint64_t attempt, const Answer& answer)> answer;
        std::function<void(std::uint64_t attempt)> kept;  // it waits for its store; once for each
        // Once: nothing is left to be read, all of it was answered or is kept.
        std::function<void()> finished;
        TellNotice tell;
    };

    // Reads what others left in the directory. `own_id` is asked each time: the spool of this executor may come to be
    // later than what was left is read.
    Adoption(EventLoop& loop, Settler& settler, const std::string& directory, std::function<std::string()> own_id,
             Handlers handlers);
    ~Adoption();
    Adoption(const Adoption&) = delete;
    Adoption& operator=(const Adoption&) = delete;

    // The worker has committed what became of the attempt.
    void settled(std::uint64_t attempt) { spool_.settled(attempt); }
    // Its receipt, should one be settled just now, ends as cancelled instead of waiting for its store.
    void cancel(std::uint64_t attempt);
    // No handler is called any more.
    void stop();

  private:
    struct Taken;

    void poll();
    void take(ForeignRecord record);
    void release(std::size_t bytes);

    EventLoop& loop_;
    Settler& settler_;
    ForeignSpool spool_;
    std::function<std::string()> own_id_;
    Handlers handlers_;
    std::unordered_map<Settler::TaskId, std::uint64_t> settling_;  // to attempts, of which one may have two receipts
    std::size_t taken_ = 0;                                        // receipts that are neither answered nor kept yet,
    std::size_t held_ = 0;                                         // and their bytes
    bool stopped_ = false;
    std::string told_trouble_;
    std::optional<EventLoop::TimerId> next_;
};

}  // namespace atelier::executor
