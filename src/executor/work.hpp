#pragma once
// What an order that costs nothing has done, step by step, on the loop and in the pool.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/pace_kind.hpp"
#include "core/result.hpp"
#include "executor/store_work.hpp"

namespace atelier::executor {

struct WorkEnd {
    core::Result<core::Json> result;
    core::Json usage{};                               // of a result
    std::optional<core::Milliseconds> retry_after{};  // of a failure
    bool give_back = false;                           // the failure is not the order's: it goes back with the message
    std::vector<core::AxisLimit> limits{};            // that the service of the lane told of
};

class Work : public std::enable_shared_from_this<Work> {
  public:
    using Done = std::function<void(WorkEnd end)>;

    Work() = default;
    virtual ~Work() = default;
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

    // Why it should not begin now; the order goes back then.
    virtual std::optional<std::string> obstacle() { return std::nullopt; }

    // Calls `done` once, from the loop, never from within start().
    void start(Done done) {
        done_ = std::move(done);
        begin();
    }
    // `done` is called, with whatever comes of it, as soon as what is under way has ended.
    void stop() {
        stopped_ = true;
        if (const auto step = step_.lock()) step->cancel();
        halt();
    }
    // The same, and nobody is told.
    void drop() {
        done_ = nullptr;
        stop();
    }

    // A child was started, or a store was asked to change something.
    bool begun() const noexcept { return begun_; }
    // Nothing is under way: it waits for its turn.
    bool waits() const noexcept { return waits_; }
    // The reference of the object that nobody knows to be there or not, should it end now; null: there is none.
    const core::Json& left() const noexcept { return left_; }
    // What a failure of this class, should it end now, says of the service of its lane.
    core::PaceKind tells(core::ErrorClass cls) const noexcept {
        if (service_ == Service::answered) return core::PaceKind::answered;
        const core::PaceKind kind = core::pace_kind(cls);
        if (service_ == Service::asked || kind == core::PaceKind::answered) return kind;
        return core::PaceKind::unknown;
    }

  protected:
    // Of the lane of the order, where that is another machine's or a store's.
    enum class Service { not_asked, asked, answered };

    virtual void begin() = 0;
    virtual void halt() {}

    void finish(WorkEnd end) {
        if (const Done done = std::exchange(done_, nullptr)) done(std::move(end));
    }
    void fail(core::Error error) { finish({std::move(error)}); }
    bool stopped() const noexcept { return stopped_; }
    template <class Self>
    std::shared_ptr<Self> shared_as() {
        return std::static_pointer_cast<Self>(shared_from_this());
    }

    std::weak_ptr<StoreWork> step_;  // under way in a store
    bool begun_ = false;
    bool waits_ = false;
    Service service_ = Service::not_asked;
    core::Json left_;

  private:
    Done done_;
    bool stopped_ = false;
};

}  // namespace atelier::executor
