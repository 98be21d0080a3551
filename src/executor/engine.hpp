#pragma once
// The engine: takes orders from the socket, has them done, answers. One thread, see event_loop.hpp, but for what the
// paid calls have done in their pool. Without a worker it goes on until those that are under way have ended.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "executor/channel.hpp"
#include "executor/event_loop.hpp"
#include "executor/hello.hpp"
#include "executor/media_run.hpp"
#include "executor/order.hpp"
#include "executor/order_book.hpp"
#include "executor/paid_calls.hpp"
#include "storage/file_store.hpp"
#include "wire/frame.hpp"

namespace atelier::executor {

class Engine {
  public:
    // `socket` leads to the worker, `termination` is a signalfd: readable = drain.
    Engine(storage::UniqueFd socket, storage::UniqueFd termination);

    // Serves until the worker is gone, or a drain is done (0), or the worker broke the protocol (1).
    int run();

  private:
    struct Job {
        Order order;
        core::Instant intake;
        EventLoop::TimerId deadline;
        std::unique_ptr<MediaRun> run;  // null until it is started
        bool answered = false;          // ended early; only the end of its child is still to come
    };
    enum class LogLevel { log, warning, debug1 };

    void on_frame(const wire::Frame& frame);
    void on_hello(const std::string& payload);
    void on_order(Attempt attempt, const std::string& payload);
    void on_providers(const std::string& payload);
    void on_settled(const std::string& payload);
    void on_end(const core::Result<void>& reason);

    void admit(Attempt attempt, Order order, std::size_t bytes);
    void warn_of_duplicate(Attempt attempt);
    void start_queued();
    core::Result<void> start(Attempt attempt, Job& job);
    void on_media_end(Attempt attempt, MediaEnd end);
    core::Result<core::Json> finish(const Job& job, MediaEnd end);
    void remove_objects(Attempt attempt, const Order& order, const DeleteRequest& request);
    // Cancelled, or past its deadline.
    void end_early(Attempt attempt, const core::Error& error);
    void give_back(Attempt attempt);
    void drain();
    void give_back_running();
    void leave_when_done();

    core::Result<storage::FileStore> store() const;
    void forget(Attempt attempt);
    void answer(Attempt attempt, const std::string& payload);
    void tell(const Notice& notice);
    void log(LogLevel level, std::string_view message);
    void leave(int status);

    EventLoop loop_;
    std::optional<Channel> channel_;
    storage::UniqueFd termination_;
    std::optional<Settings> settings_;  // empty until the hello
    std::optional<OrderBook> book_;     // empty until the hello
    std::unordered_map<Attempt, Job> jobs_;
    std::optional<PaidCalls> paid_;  // empty until the hello
    bool alone_ = false;             // the worker is gone
    bool flush_over_ = false;        // answers that the worker has not taken by now are not waited for
    bool leaving_ = false;
    int status_ = 0;
};

}  // namespace atelier::executor
