#pragma once
// A few threads for work that would hold up the event loop: fsync, base64, hashes.

#include <functional>
#include <memory>

#include "executor/event_loop.hpp"

namespace atelier::executor {

class TaskPool {
  public:
    TaskPool(EventLoop& loop, unsigned threads);
    ~TaskPool();  // waits for what runs; what has not begun is dropped, and no `done` is called any more
    TaskPool(const TaskPool&) = delete;
    TaskPool& operator=(const TaskPool&) = delete;

    // `work` runs in one of the threads, in the order of the calls as far as threads are free; then `done` in the loop.
    // `work` must not throw.
    void run(std::function<void()> work, std::function<void()> done);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace atelier::executor
