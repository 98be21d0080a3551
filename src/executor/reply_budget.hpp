#pragma once
// How many bytes the replies under way may hold together, and who has to wait when they hold more. Pure.

#include <cstddef>
#include <cstdint>
#include <map>

namespace atelier::executor {

class ReplyBudget {
  public:
    using CallId = std::uint64_t;  // growing: the lowest is the oldest

    explicit ReplyBudget(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

    // Whether this call may go on reading. The oldest of those that hold something always may, or none would end.
    bool may_hold(CallId id, std::size_t more) const noexcept {
        return held_ + more <= max_bytes_ || by_call_.empty() || id <= by_call_.begin()->first;
    }

    void hold(CallId id, std::size_t more) {
        by_call_[id] += more;
        held_ += more;
    }

    // What it holds is gone, or somebody else's. Unknown ids are ignored.
    void release(CallId id) noexcept {
        const auto found = by_call_.find(id);
        if (found == by_call_.end()) return;
        held_ -= found->second;
        by_call_.erase(found);
    }

    std::size_t held() const noexcept { return held_; }

  private:
    std::size_t max_bytes_;
    std::size_t held_ = 0;
    std::map<CallId, std::size_t> by_call_;
};

}  // namespace atelier::executor
