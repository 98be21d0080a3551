#pragma once
// Has receipts judged and their pictures stored, in the threads of the pool. What the store refuses is tried again from
// the same receipt: the call that was paid for is never repeated for that.

#include <functional>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "executor/event_loop.hpp"
#include "executor/receipt.hpp"
#include "executor/task_pool.hpp"

namespace atelier::executor {

class Settler {
  public:
    using Done = std::function<void(const std::string& answer)>;

    Settler(EventLoop& loop, TaskPool& pool, std::string store_directory)
        : loop_(loop), pool_(pool), store_directory_(std::move(store_directory)) {}

    // Calls `done` once, from the loop. After `give_up` a store that still refuses makes it a failure.
    void run(std::shared_ptr<const Receipt> receipt, core::Instant give_up, Done done);

  private:
    struct Task;
    void attempt(std::shared_ptr<Task> task);

    EventLoop& loop_;
    TaskPool& pool_;
    const std::string store_directory_;
};

}  // namespace atelier::executor
