#include "postgres/worker_slot.hpp"

namespace atelier::postgres {

bool WorkerSlot::superseded() const noexcept {
    SpinGuard guard(slot_.lock);
    return slot_.ticket != ticket_;
}

bool WorkerSlot::held() const noexcept {
    SpinGuard guard(slot_.lock);
    return slot_.holds > 0;
}

bool WorkerSlot::dropping() const noexcept {
    SpinGuard guard(slot_.lock);
    return slot_.holds > 0 && slot_.dropping;
}

void WorkerSlot::beat() noexcept {
    SpinGuard guard(slot_.lock);
    if (slot_.ticket == ticket_) slot_.heartbeat++;
}

Notes WorkerSlot::take_notes() noexcept {
    SpinGuard guard(slot_.lock);
    Notes notes;
    notes.clear();
    if (slot_.ticket == ticket_) std::swap(notes, slot_.notes);
    return notes;
}

bool WorkerSlot::take_recheck() noexcept {
    SpinGuard guard(slot_.lock);
    return slot_.ticket == ticket_ && std::exchange(slot_.recheck, false);
}

std::uint64_t WorkerSlot::wish() const noexcept {
    SpinGuard guard(slot_.lock);
    return slot_.wish;
}

void WorkerSlot::unwish(std::uint64_t wish) noexcept {
    SpinGuard guard(slot_.lock);
    if (slot_.ticket != ticket_ || slot_.wish != wish) return;
    slot_.wanted = false;
    slot_.notes.clear();
}

void WorkerSlot::stopping() noexcept {
    SpinGuard guard(slot_.lock);
    if (slot_.ticket == ticket_) slot_.phase = WorkerPhase::stopping;
}

void WorkerSlot::publish(const WorkerReport& report) noexcept {
    SpinGuard guard(slot_.lock);
    if (slot_.ticket != ticket_) return;
    // Without the lanes that nobody has told of.
    static_assert(std::is_trivially_copyable_v<WorkerReport>);
    const auto bytes =
        offsetof(WorkerReport, lanes) + sizeof(LaneCounters) * static_cast<std::size_t>(report.lane_count);
    std::memcpy(static_cast<void*>(&slot_.report), &report, bytes);
}

void WorkerSlot::leave_cleanly() noexcept {
    SpinGuard guard(slot_.lock);
    if (slot_.ticket == ticket_) slot_.left_cleanly = true;
}

}  // namespace atelier::postgres
