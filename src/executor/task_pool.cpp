#include "executor/task_pool.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "executor/signals_blocked.hpp"

namespace atelier::executor {

class TaskPool::Impl {
  public:
    Impl(EventLoop& loop, unsigned threads);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void run(std::function<void()> work, std::function<void()> done);

  private:
    struct Task {
        std::function<void()> work;
        std::function<void()> done;
    };

    void serve_queue(const std::stop_token& stop) noexcept;
    void finish_one();

    EventLoop& loop_;
    storage::UniqueFd finished_count_;  // an eventfd: how many of finished_ the loop has not taken yet
    EventLoop::WatchId watch_ = 0;
    std::mutex mutex_;  // of the two queues
    std::condition_variable_any queued_or_stopping_;
    std::deque<Task> queue_;
    std::deque<std::function<void()>> finished_;
    std::vector<std::jthread> threads_;  // last: they end before what they use
};

TaskPool::Impl::Impl(EventLoop& loop, unsigned threads)
    : loop_(loop), finished_count_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) {
    if (!finished_count_) throw std::system_error(errno, std::generic_category(), "eventfd");
    const SignalsBlocked inherited_by_the_threads;
    for (unsigned i = 0; i < threads; ++i)
        threads_.emplace_back([this](const std::stop_token& stop) { serve_queue(stop); });
    watch_ = loop_.watch(finished_count_.get(), EPOLLIN, [this](std::uint32_t) { finish_one(); });
}

TaskPool::Impl::~Impl() {
    loop_.unwatch(watch_);
    // All of them before the first is joined, or the others would go on with the queue.
    for (std::jthread& thread : threads_)
        thread.request_stop();
}

void TaskPool::Impl::run(std::function<void()> work, std::function<void()> done) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back({std::move(work), std::move(done)});
    }
    queued_or_stopping_.notify_one();
}

void TaskPool::Impl::serve_queue(const std::stop_token& stop) noexcept {
    while (true) {
        Task task;
        {
            std::unique_lock lock(mutex_);
            queued_or_stopping_.wait(lock, stop, [this] { return !queue_.empty(); });
            if (stop.stop_requested()) return;
            task = std::move(queue_.front());
            queue_.pop_front();
        }
        task.work();
        task.work = nullptr;  // what it captured ends here, not while the lock is held
        {
            const std::lock_guard lock(mutex_);
            finished_.push_back(std::move(task.done));
        }
        const std::uint64_t one = 1;
        while (::write(finished_count_.get(), &one, sizeof one) < 0 && errno == EINTR) {
        }
    }
}

// One each time: `done` may destroy the pool.
void TaskPool::Impl::finish_one() {
    std::uint64_t one = 0;
    if (::read(finished_count_.get(), &one, sizeof one) < 0) return;
    std::function<void()> done;
    {
        const std::lock_guard lock(mutex_);
        done = std::move(finished_.front());
        finished_.pop_front();
    }
    done();
}

TaskPool::TaskPool(EventLoop& loop, unsigned threads) : impl_(std::make_unique<Impl>(loop, threads)) {}

TaskPool::~TaskPool() = default;

void TaskPool::run(std::function<void()> work, std::function<void()> done) {
    impl_->run(std::move(work), std::move(done));
}

}  // namespace atelier::executor
