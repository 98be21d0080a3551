#pragma once
// Whether paid calls may begin: a spool is there, takes bytes and has room. The DBA is told when that changes.

#include <memory>
#include <optional>
#include <string>

#include "executor/event_loop.hpp"
#include "executor/notice.hpp"
#include "executor/spool.hpp"
#include "executor/task_pool.hpp"

namespace atelier::executor {

class SpoolGate {
  public:
    // The pool ends before the gate does.
    SpoolGate(EventLoop& loop, TaskPool& pool, std::string directory, const SpoolLimits& limits, TellNotice tell);
    ~SpoolGate();
    SpoolGate(const SpoolGate&) = delete;
    SpoolGate& operator=(const SpoolGate&) = delete;

    // Why no paid call may begin now; nullopt: one may.
    std::optional<std::string> closed();
    // nullptr while it could not be opened.
    const std::shared_ptr<Spool>& spool() const noexcept { return spool_; }

    // Something could not be written: closed until a probe succeeds.
    void failed(const core::Error& error);
    // Something was settled: there may be room.
    void settled();

  private:
    void open();
    void probe_later();
    void probe();
    void reopened();
    void look_at_room();

    EventLoop& loop_;
    TaskPool& pool_;
    const std::string directory_;
    const SpoolLimits limits_;
    TellNotice tell_;
    std::shared_ptr<Spool> spool_;
    std::string failure_;  // empty: it takes bytes
    bool full_ = false;
    std::optional<EventLoop::TimerId> probe_;
};

}  // namespace atelier::executor
