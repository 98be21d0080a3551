#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

namespace atelier::executor {

// How many media children may run at once, and who waits for one.
class MediaSlots {
  public:
    using WaiterId = std::uint64_t;

    explicit MediaSlots(std::size_t free) : free_(free) {}

    // Calls `go`, at once or when a slot becomes free; it has the slot then.
    WaiterId take(std::function<void()> go) {
        waiting_.emplace_back(++last_id_, std::move(go));
        const WaiterId id = last_id_;
        serve();
        return id;
    }
    // Of one that has its slot already: nothing.
    void leave(WaiterId id) {
        std::erase_if(waiting_, [id](const auto& waiter) { return waiter.first == id; });
    }
    void give() {
        ++free_;
        serve();
    }

  private:
    void serve() {
        while (free_ > 0 && !waiting_.empty()) {
            --free_;
            const auto go = std::move(waiting_.front().second);
            waiting_.pop_front();
            go();
        }
    }

    std::size_t free_;
    std::deque<std::pair<WaiterId, std::function<void()>>> waiting_;
    WaiterId last_id_ = 0;
};

}  // namespace atelier::executor
