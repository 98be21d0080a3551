#include "postgres/queue_keys.hpp"

#include <algorithm>
#include <span>

namespace atelier::postgres {

void QueueKeys::lower(const LaneNote& note) {
    const auto [mark, is_new] = marks_.try_emplace({note.lane, note.priority}, note.sequence - 1);
    if (!is_new) mark->second = std::min(mark->second, note.sequence - 1);
}

void QueueKeys::advance(const LaneNote& taken) {
    const auto [mark, is_new] = marks_.try_emplace({taken.lane, taken.priority}, taken.sequence);
    if (!is_new) mark->second = std::max(mark->second, taken.sequence);
}

int QueueKeys::apply_sweep(const std::vector<LaneNote>& found, const Notes& late) {
    const std::span announced(late.entries, static_cast<std::size_t>(late.count));
    int unannounced = 0;
    std::map<Key, std::int64_t> kept;
    for (const LaneNote& entry : found) {
        const Key key{entry.lane, entry.priority};
        const auto mark = marks_.find(key);
        const bool known = mark != marks_.end() && mark->second < entry.sequence;
        const bool coming = late.sweep || std::any_of(announced.begin(), announced.end(), [&](const LaneNote& note) {
                                return Key{note.lane, note.priority} == key && note.sequence <= entry.sequence;
                            });
        if (!known && !coming) ++unannounced;
        kept[key] = known ? mark->second : entry.sequence - 1;
    }
    marks_ = std::move(kept);
    return unannounced;
}

QueueKeys::Arrays QueueKeys::arrays() const {
    Arrays out;
    for (const auto& [key, mark] : marks_) {
        out.lanes.push_back(key.first);
        out.priorities.push_back(key.second);
        out.watermarks.push_back(mark);
    }
    return out;
}

}  // namespace atelier::postgres
