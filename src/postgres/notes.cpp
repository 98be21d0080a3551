#include "postgres/notes.hpp"

namespace atelier::postgres {

void Notes::clear() noexcept {
    count = 0;
    sweep = cancellation = dependency = lanes = reclaim = false;
    due = never;
}

bool Notes::empty() const noexcept {
    return count == 0 && !sweep && !cancellation && !dependency && !lanes && !reclaim && due == never;
}

void Notes::add_entry(const LaneNote& note) noexcept {
    for (int i = 0; i < count; ++i) {
        LaneNote& known = entries[i];
        if (known.lane != note.lane || known.priority != note.priority) continue;
        if (note.sequence < known.sequence) known.sequence = note.sequence;
        return;
    }
    if (count == capacity) {
        sweep = true;
        return;
    }
    entries[count++] = note;
}

void Notes::add_due(std::int64_t at) noexcept {
    if (at < due) due = at;
}

void Notes::merge(const Notes& other) noexcept {
    for (int i = 0; i < other.count; ++i)
        add_entry(other.entries[i]);
    add_due(other.due);
    sweep |= other.sweep;
    cancellation |= other.cancellation;
    dependency |= other.dependency;
    lanes |= other.lanes;
    reclaim |= other.reclaim;
}

}  // namespace atelier::postgres
