#include "postgres/shared_memory.hpp"

#include "postgres/compat.hpp"

namespace atelier::postgres {

namespace {

SharedState* state = nullptr;
shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

void request_memory() {
    if (previous_request_hook != nullptr) previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(sizeof(SharedState)));
}

void clear_slot(DatabaseSlot& slot) noexcept {
    slot.database = InvalidOid;
    slot.wanted = slot.recheck = slot.takeover = slot.left_cleanly = false;
    slot.wish = 0;
    slot.holds = 0;
    slot.dropping = false;
    slot.phase = WorkerPhase::stopped;
    slot.ticket = 0;
    slot.worker_pid = 0;
    slot.worker_latch = nullptr;
    slot.heartbeat = 0;
    slot.notes.clear();
    std::memset(static_cast<void*>(&slot.report), 0, sizeof slot.report);
    for (HandlerSlot& handler : slot.handlers)
        clear_handler(handler);
}

bool has_handler(const DatabaseSlot& slot) noexcept {
    return std::any_of(std::begin(slot.handlers), std::end(slot.handlers), [](const HandlerSlot& handler) {
        return handler.phase == HandlerPhase::starting || handler.phase == HandlerPhase::ready;
    });
}

void start_memory() {
    if (previous_startup_hook != nullptr) previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    state = static_cast<SharedState*>(ShmemInitStruct("pg_atelier", sizeof(SharedState), &found));
    if (!found) {
        std::memset(static_cast<void*>(state), 0, sizeof *state);
        SpinLockInit(&state->lock);
        for (DatabaseSlot& slot : state->slots) {
            SpinLockInit(&slot.lock);
            ConditionVariableInit(&slot.settled);
            clear_slot(slot);
        }
    }
    LWLockRelease(AddinShmemInitLock);
}

// After commit most calls are about the backend's own database: look where it was last time.
DatabaseSlot* remembered_slot = nullptr;

bool belongs_to(DatabaseSlot& slot, Oid database) noexcept {
    SpinGuard guard(slot.lock);
    return slot.database == database;
}

// These two: false when the slot has gone to another database since it was looked up.

bool want_worker_in(DatabaseSlot& slot, Oid database) noexcept {
    SpinGuard guard(slot.lock);
    if (slot.database != database) return false;
    slot.wanted = true;
    slot.wish++;
    return true;
}

bool give_notes(DatabaseSlot& slot, Oid database, const Notes& notes, Latch** latch, bool* start) noexcept {
    SpinGuard guard(slot.lock);
    if (slot.database != database) return false;
    if (!slot.wanted) {
        slot.wanted = *start = true;
        slot.wish++;
    }
    slot.notes.merge(notes);
    *latch = slot.worker_latch;
    return true;
}

}  // namespace

void request_shared_memory() {
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = start_memory;
}

SharedState* shared_state() noexcept {
    return state;
}

DatabaseSlot* find_slot(Oid database) noexcept {
    if (state == nullptr || database == InvalidOid) return nullptr;
    if (remembered_slot != nullptr && belongs_to(*remembered_slot, database)) return remembered_slot;
    for (DatabaseSlot& slot : state->slots) {
        if (!belongs_to(slot, database)) continue;
        remembered_slot = &slot;
        return &slot;
    }
    return nullptr;
}

DatabaseSlot* reserve_slot(Oid database) noexcept {
    if (DatabaseSlot* known = find_slot(database)) return known;
    if (state == nullptr || database == InvalidOid) return nullptr;
    SpinGuard table(state->lock);
    DatabaseSlot* vacant = nullptr;
    for (DatabaseSlot& slot : state->slots) {
        SpinGuard guard(slot.lock);
        if (slot.database == database) return &slot;
        if (slot.database == InvalidOid && vacant == nullptr) vacant = &slot;
    }
    if (vacant == nullptr) return nullptr;
    SpinGuard guard(vacant->lock);
    clear_slot(*vacant);
    vacant->database = database;
    return vacant;
}

bool free_slot_if_unused(DatabaseSlot& slot) noexcept {
    SpinGuard table(state->lock);
    SpinGuard guard(slot.lock);
    if (slot.database == InvalidOid || slot.wanted || slot.holds > 0 || slot.phase != WorkerPhase::stopped ||
        has_handler(slot))
        return false;
    clear_slot(slot);
    return true;
}

bool want_worker(Oid database) noexcept {
    for (int i = 0; i < slot_lookups; ++i) {
        DatabaseSlot* slot = reserve_slot(database);
        if (slot == nullptr) return false;
        if (!want_worker_in(*slot, database)) continue;
        wake_launcher();
        return true;
    }
    return false;
}

void hand_over(Oid database, const Notes& notes) noexcept {
    for (int i = 0; i < slot_lookups; ++i) {
        DatabaseSlot* slot = find_slot(database);
        if (slot == nullptr) {
            want_worker(database);  // its first act is a sweep, so the notes themselves are not missed
            return;
        }
        Latch* latch = nullptr;
        bool start = false;
        if (!give_notes(*slot, database, notes, &latch, &start)) continue;
        if (latch != nullptr) SetLatch(latch);
        if (start) wake_launcher();
        return;
    }
}

void tell_settling(DatabaseSlot& slot) noexcept {
    {
        SpinGuard guard(slot.lock);
        slot.settlings++;
    }
    ConditionVariableBroadcast(&slot.settled);
}

// The count is of the slot, which another database may have next: at worst somebody looks once in vain.
void wait_for_settling(long milliseconds) {
    static const std::uint32_t event = compat::wait_event("AtelierSettling");
    static std::uint64_t seen = 0;
    DatabaseSlot* slot = find_slot(MyDatabaseId);
    if (slot == nullptr) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, event);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        return;
    }
    const auto count = [slot]() noexcept {
        SpinGuard guard(slot->lock);
        return slot->settlings;
    };
    const TimestampTz end = GetCurrentTimestamp() + milliseconds * 1000;
    ConditionVariablePrepareToSleep(&slot->settled);
    while (count() == seen) {
        const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
        if (left <= 0 || ConditionVariableTimedSleep(&slot->settled, left, event)) break;
    }
    ConditionVariableCancelSleep();
    seen = count();
}

void wake_launcher() noexcept {
    Latch* latch = nullptr;
    {
        SpinGuard guard(state->lock);
        latch = state->launcher_latch;
    }
    if (latch != nullptr) SetLatch(latch);
}

}  // namespace atelier::postgres
