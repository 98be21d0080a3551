#include "postgres/sweep_round.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace atelier::postgres {

namespace {

Flow last_of(std::int32_t lane) {
    Flow flow{lane, std::numeric_limits<std::int16_t>::max(), {}};
    flow.tenant.fill(0xff);
    return flow;
}

}  // namespace

void SweepRound::begin(const std::optional<Flow>& from) {
    parts_.push_back({from, std::nullopt});
    rest_ = from;
}

SweepPage SweepRound::take(std::vector<Entry> found) {
    constexpr SweepOrder before;
    const Part part = parts_.front();
    parts_.pop_front();
    const bool full = found.size() >= flows_a_page_;
    SweepPage page{part.after, part.last, std::move(found)};
    if (part.last) {
        const auto beyond = std::find_if(page.found.begin(), page.found.end(),
                                         [&](const Entry& entry) { return before(*part.last, entry.flow); });
        if (beyond == page.found.end() && full) {
            page.last = page.found.back().flow;
            parts_.push_back({page.last, part.last});
        }
        page.found.erase(beyond, page.found.end());
    } else if (full) {
        page.last = page.found.back().flow;
        const std::int32_t lane = page.last->lane;
        if (page.found.front().flow.lane == lane) {
            parts_.push_back({page.last, last_of(lane)});
            parts_.push_front({last_of(lane), std::nullopt});
        } else {
            parts_.push_front({page.last, std::nullopt});
        }
    }
    if (parts_.empty() && rest_) parts_.push_back({std::nullopt, std::exchange(rest_, std::nullopt)});
    return page;
}

}  // namespace atelier::postgres
