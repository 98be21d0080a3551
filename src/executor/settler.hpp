#pragma once
// Has receipts judged in the threads of the pool, and their pictures put. What a store refuses is tried again from the
// same receipt, for ever: the call that was paid for is never repeated for that. One whose own the trouble is takes
// nobody's turn. A receipt that is on disk is not held in memory while it waits.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/clock.hpp"
#include "executor/event_loop.hpp"
#include "executor/receipt.hpp"
#include "executor/spool_format.hpp"
#include "executor/stores.hpp"
#include "executor/task_pool.hpp"

namespace atelier::executor {

class Settler {
  public:
    using TaskId = std::uint64_t;

    struct Handlers {
        std::function<void(Answer answer)> done;  // once; one that waited tells nothing of the pace of its service
        std::function<void()> waits;              // each time the store has not taken the picture
    };

    using Judge = std::function<Judged(const Receipt&)>;

    // What the judge throws is a failure of class invalid_output: another executor would meet it again. Only for want
    // of memory it is asked again later.
    Settler(EventLoop& loop, TaskPool& pool, Stores& stores, Judge judge = judge_receipt)
        : loop_(loop), pool_(pool), stores_(stores), judge_(std::move(judge)) {}
    Settler(const Settler&) = delete;
    Settler& operator=(const Settler&) = delete;

    // The handlers are called from the loop, never from within run(). `place`: where the receipt is on disk. One that
    // is patient does not try a bucket that takes nothing before it has its turn.
    TaskId run(std::shared_ptr<const Receipt> receipt, std::optional<SpoolPlace> place, Handlers handlers,
               bool patient = false);
    // The receipt has come to be on disk meanwhile.
    void kept(TaskId id, SpoolPlace place);
    // Ends as cancelled instead of being tried again: now when it waits, else when the store refuses it the next time.
    void cancel(TaskId id);
    // No handler is called any more.
    void drop(TaskId id);

  private:
    struct Task;
    using Shared = std::shared_ptr<Task>;

    void load(const Shared& task);
    void judge(const Shared& task);
    void put(const Shared& task);
    void on_put(const Shared& task, const StoreEnd<Stored>& end);
    void wait(const Shared& task);
    void unload(Task& task);
    void end(const Shared& task, Answer answer);
    void end_cancelled(const Shared& task);

    EventLoop& loop_;
    TaskPool& pool_;
    Stores& stores_;
    const Judge judge_;
    std::unordered_map<TaskId, Shared> tasks_;
    TaskId last_id_ = 0;
    std::size_t loaded_ = 0;    // receipts that were read again from disk
    std::deque<Shared> ready_;  // to be read again when there is room
};

}  // namespace atelier::executor
