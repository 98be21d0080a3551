#pragma once
// Answers for what other executors paid for: reads their segments in the spool, as long as one of them still writes,
// and has every receipt settled.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "executor/event_loop.hpp"
#include "executor/foreign_spool.hpp"
#include "executor/notice.hpp"
#include "executor/settler.hpp"

namespace atelier::executor {

class Adoption {
  public:
    struct Handlers {
        std::function<void(std::uint64_t attempt, const std::string& answer)> answer;
        // Once: nothing is left to be read, every answer was given.
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
    // No handler is called any more.
    void stop();

  private:
    void poll();
    void take(ForeignRecord record);

    EventLoop& loop_;
    Settler& settler_;
    ForeignSpool spool_;
    std::function<std::string()> own_id_;
    Handlers handlers_;
    std::size_t under_way_ = 0;
    bool stopped_ = false;
    std::string told_trouble_;
    std::optional<EventLoop::TimerId> next_;
};

}  // namespace atelier::executor
