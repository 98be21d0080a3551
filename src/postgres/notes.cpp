#include "postgres/notes.hpp"

namespace atelier::postgres {

void Notes::clear() noexcept {
    count = 0;
    sweep = cancellation = dependency = lanes = tenants = reclaim = false;
    due = never;
}

bool Notes::empty() const noexcept {
    return count == 0 && !sweep && !cancellation && !dependency && !lanes && !tenants && !reclaim && due == never;
}

void Notes::add_entry(const Entry& entry) noexcept {
    for (int i = 0; i < count; ++i) {
        Entry& known = entries[i];
        if (known.flow != entry.flow) continue;
        if (entry.sequence < known.sequence) known.sequence = entry.sequence;
        return;
    }
    if (count == capacity) {
        sweep = true;
        return;
    }
    entries[count++] = entry;
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
    tenants |= other.tenants;
    reclaim |= other.reclaim;
}

}  // namespace atelier::postgres
