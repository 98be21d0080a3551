#include "postgres/handler_processes.hpp"

#include "postgres/guard.hpp"
#include "postgres/handler_process.hpp"

namespace atelier::postgres {

namespace {

constexpr std::chrono::seconds start_within{20};
constexpr std::chrono::seconds first_backoff{1};
constexpr std::chrono::seconds longest_backoff{30};
constexpr std::chrono::seconds complain_every{60};

void wake(Latch* latch) noexcept {
    if (latch != nullptr) SetLatch(latch);
}

bool is_idle(const HandlerSlot& handler) noexcept {
    return handler.phase == HandlerPhase::ready && handler.call == CallPhase::none && !handler.leave;
}

}  // namespace

struct HandlerProcesses::Registration {
    BackgroundWorker worker;
    BackgroundWorkerHandle* handle;
    bool registered;
};

HandlerProcesses::HandlerProcesses(WorkerSlot& slot) noexcept : slot_(slot.shared()), worker_ticket_(slot.ticket()) {
    SpinGuard guard(slot_.lock);
    if (!mine()) return;
    for (HandlerSlot& handler : slot_.handlers) {
        if (handler.call == CallPhase::given || handler.call == CallPhase::ended) handler.call = CallPhase::none;
        if (handler.call == CallPhase::running) handler.stop = CallStop::stopped;
    }
}

HandlerProcesses::~HandlerProcesses() {
    for (int i = 0; i < max_handlers; ++i)
        forget(i);
}

bool HandlerProcesses::mine() const noexcept {
    return slot_.ticket == worker_ticket_;
}

void HandlerProcesses::forget(int process) noexcept {
    if (started_[process].handle != nullptr) pfree(started_[process].handle);
    started_[process] = {};
}

std::vector<HandlerProcesses::Ended> HandlerProcesses::take_ended() {
    std::vector<Ended> ended;
    char message[handler_message_bytes];
    for (int i = 0; i < max_handlers; ++i) {
        HandlerSlot& handler = slot_.handlers[i];
        Ended one{i, CallEnd::none, 0, {}};
        {
            SpinGuard guard(slot_.lock);
            if (!mine() || handler.call != CallPhase::ended) continue;
            one.end = handler.end;
            one.duration_ms = handler.duration_ms;
            std::memcpy(message, handler.message, sizeof message);
            handler.call = CallPhase::none;
            handler.since = GetCurrentTimestamp();
        }
        one.message = message;
        ended.push_back(std::move(one));
    }
    return ended;
}

HandlerProcesses::Census HandlerProcesses::count() {
    Census census;
    // Nothing is allocated under the lock.
    census.idle.reserve(max_handlers);
    SpinGuard guard(slot_.lock);
    if (!mine()) return census;
    for (int i = 0; i < max_handlers; ++i) {
        const HandlerSlot& handler = slot_.handlers[i];
        if (handler.phase == HandlerPhase::none || handler.phase == HandlerPhase::failed || handler.leave) continue;
        ++census.all;
        if (handler.phase == HandlerPhase::starting) ++census.coming;
        if (is_idle(handler)) census.idle.push_back({i, handler.lane});
    }
    return census;
}

// -1: every place is taken, or this worker is none any more.
int HandlerProcesses::claim(std::uint64_t* ticket) noexcept {
    const TimestampTz since = GetCurrentTimestamp();
    SpinGuard guard(slot_.lock);
    if (!mine() || slot_.holds > 0) return -1;
    for (int i = 0; i < max_handlers; ++i) {
        HandlerSlot& handler = slot_.handlers[i];
        if (handler.phase != HandlerPhase::none || handler.call != CallPhase::none) continue;
        clear_handler(handler);
        handler.phase = HandlerPhase::starting;
        handler.since = since;
        handler.ticket = *ticket = ++slot_.next_handler;
        return i;
    }
    return -1;
}

void HandlerProcesses::enroll(Registration& registration) {
    MemoryContext const previous = MemoryContextSwitchTo(TopMemoryContext);
    registration.registered = RegisterDynamicBackgroundWorker(&registration.worker, &registration.handle);
    MemoryContextSwitchTo(previous);
}

bool HandlerProcesses::start(core::Instant now, bool* complain) {
    *complain = false;
    if (now < not_before_) return false;
    std::uint64_t ticket = 0;
    const int process = claim(&ticket);
    if (process < 0) return false;
    Registration registration{};
    const auto position = static_cast<int>(&slot_ - shared_state()->slots);
    describe_handler(registration.worker, position, process, slot_.database, ticket);
    call_postgres(enroll, registration);
    forget(process);
    if (registration.registered) {
        started_[process] = {registration.handle, ticket, now};
        return true;
    }
    {
        SpinGuard guard(slot_.lock);
        if (slot_.handlers[process].ticket == ticket) slot_.handlers[process].phase = HandlerPhase::none;
    }
    not_before_ = now + first_backoff;
    *complain = now - complained_at_ >= complain_every;
    if (*complain) complained_at_ = now;
    return false;
}

void HandlerProcesses::bury(core::Instant now) {
    const TimestampTz wall = GetCurrentTimestamp();
    for (int i = 0; i < max_handlers; ++i) {
        HandlerSlot& handler = slot_.handlers[i];
        pid_t pid = 0;
        Started& own = started_[i];
        const bool stopped = own.handle != nullptr && GetBackgroundWorkerPid(own.handle, &pid) == BGWH_STOPPED;
        bool failed = false;
        {
            SpinGuard guard(slot_.lock);
            if (!mine()) return;
            if (handler.phase == HandlerPhase::ready) failures_ = 0;
            failed = handler.phase == HandlerPhase::failed;
            // Of one that an earlier worker registered only its age is known.
            if (handler.phase == HandlerPhase::starting) {
                failed = own.handle != nullptr && own.ticket == handler.ticket
                             ? stopped
                             : wall - handler.since > std::chrono::microseconds{start_within}.count();
            }
            if (failed) handler.phase = HandlerPhase::none;
        }
        if (!failed) continue;
        forget(i);
        not_before_ = now + std::min(first_backoff * (1 << std::min(failures_, 5)), longest_backoff);
        ++failures_;
    }
}

bool HandlerProcesses::give(int process, std::int32_t lane, const HandlerCallOrder& order) noexcept {
    HandlerSlot& handler = slot_.handlers[process];
    const TimestampTz since = GetCurrentTimestamp();
    Latch* latch = nullptr;
    {
        SpinGuard guard(slot_.lock);
        if (!mine() || !is_idle(handler)) return false;
        handler.call = CallPhase::given;
        handler.lane = lane;
        handler.stop = CallStop::none;
        handler.order = order;
        handler.since = since;
        handler.end = CallEnd::none;
        handler.duration_ms = 0;
        handler.message[0] = '\0';
        latch = handler.latch;
    }
    wake(latch);
    return true;
}

bool HandlerProcesses::take_back(int process) noexcept {
    HandlerSlot& handler = slot_.handlers[process];
    SpinGuard guard(slot_.lock);
    if (!mine() || handler.call != CallPhase::given) return false;
    handler.call = CallPhase::none;
    return true;
}

// The process looks often enough while a function runs.
void HandlerProcesses::stop(int process, CallStop why) noexcept {
    HandlerSlot& handler = slot_.handlers[process];
    SpinGuard guard(slot_.lock);
    if (mine() && handler.call != CallPhase::none && handler.stop == CallStop::none) handler.stop = why;
}

void HandlerProcesses::dismiss(int process) noexcept {
    HandlerSlot& handler = slot_.handlers[process];
    Latch* latch = nullptr;
    {
        SpinGuard guard(slot_.lock);
        if (!mine() || !is_idle(handler)) return;
        handler.leave = true;
        latch = handler.latch;
    }
    wake(latch);
}

void HandlerProcesses::dismiss_all() noexcept {
    Latch* latches[max_handlers] = {};
    {
        SpinGuard guard(slot_.lock);
        if (!mine()) return;
        for (int i = 0; i < max_handlers; ++i) {
            slot_.handlers[i].leave = true;
            if (slot_.handlers[i].call != CallPhase::none && slot_.handlers[i].stop == CallStop::none)
                slot_.handlers[i].stop = CallStop::stopped;
            latches[i] = slot_.handlers[i].latch;
        }
    }
    for (Latch* latch : latches)
        wake(latch);
}

}  // namespace atelier::postgres
