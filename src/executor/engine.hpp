#pragma once
// The engine: takes orders from the socket, has them done, answers. One thread, see event_loop.hpp, but for what is
// done in the pool. Without a worker it goes on until those that are under way have ended.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "executor/answer.hpp"
#include "executor/channel.hpp"
#include "executor/event_loop.hpp"
#include "executor/hello.hpp"
#include "executor/media_slots.hpp"
#include "executor/media_work.hpp"
#include "executor/order.hpp"
#include "executor/paid_calls.hpp"
#include "executor/stores.hpp"
#include "executor/task_pool.hpp"
#include "executor/unpaid_jobs.hpp"
#include "executor/web_access.hpp"
#include "storage/unique_fd.hpp"
#include "wire/frame.hpp"

namespace atelier::executor {

class Engine {
  public:
    // `socket` leads to the worker, `termination` is a signalfd: readable = drain.
    Engine(storage::UniqueFd socket, storage::UniqueFd termination);

    // Serves until the worker is gone, or a drain is done (0), or the worker broke the protocol (1).
    int run();

  private:
    // What there is from the hello on.
    struct Rooms {
        Rooms(Engine& engine, const Settings& settings);

        Stores stores;
        MediaSlots slots;
        MediaTools media_tools;
        WebAccess web;
        UnpaidJobs media;
        UnpaidJobs storage;
        UnpaidJobs requests;  // of users
        PaidCalls paid;
        // Last, so that it goes first: its threads use what stands above.
        TaskPool pool;
    };
    enum class LogLevel { log, warning, debug1 };

    void on_frame(const wire::Frame& frame);
    void on_hello(const std::string& payload);
    void on_order(Attempt attempt, const std::string& payload);
    void on_providers(const std::string& payload);
    void on_settled(const std::string& payload);
    void on_end(const core::Result<void>& reason);

    void on_cancel(Attempt attempt);

    void hand_over(Attempt attempt, Order order, std::size_t bytes);
    UnpaidJobs::Handlers job_handlers();
    PaidCalls::Handlers paid_handlers();
    void drain();
    void leave_when_done();

    void answer(Attempt attempt, const Answer& answer);
    void tell(const Notice& notice);
    void log(LogLevel level, std::string_view message);
    void leave(int status);

    EventLoop loop_;
    std::optional<Channel> channel_;
    storage::UniqueFd termination_;
    std::optional<Settings> settings_;  // empty until the hello
    std::unique_ptr<Rooms> rooms_;      // null until the hello
    bool draining_ = false;
    bool alone_ = false;       // the worker is gone
    bool flush_over_ = false;  // answers that the worker has not taken by now are not waited for
    bool leaving_ = false;
    int status_ = 0;
};

}  // namespace atelier::executor
