#pragma once
// The way of a sweep through the flows, page by page. A lane that fills a page is left for the end of the round, so
// that all others are looked at first. No PostgreSQL here.

#include <deque>
#include <optional>
#include <vector>

#include "postgres/fair_queue.hpp"

namespace atelier::postgres {

class SweepRound {
  public:
    explicit SweepRound(std::size_t flows_a_page = 2000) : flows_a_page_(flows_a_page) {}

    // A new round over all flows, from the one after `from` on, or from the first one. None is under way.
    void begin(const std::optional<Flow>& from = std::nullopt);
    bool under_way() const noexcept { return !parts_.empty(); }

    std::size_t flows_a_page() const noexcept { return flows_a_page_; }
    // The flow after which the next page begins; nullopt: from the first one on. While under way only.
    const std::optional<Flow>& after() const noexcept { return parts_.front().after; }
    // What that page is, given what was found: at most flows_a_page(), fewer when nothing follows.
    SweepPage take(std::vector<Entry> found);

  private:
    struct Part {
        std::optional<Flow> after;
        std::optional<Flow> last;  // nullopt: to the end
    };
    std::size_t flows_a_page_;
    std::deque<Part> parts_;
    std::optional<Flow> rest_;  // up to which the round goes on from the first flow, at its end
};

}  // namespace atelier::postgres
