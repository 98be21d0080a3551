// The pump's work by the clock: housekeeping once an hour, and after it the tasks that pg_cron, or whoever else calls
// them, has left undone. Each batch is a transaction of its own, run when nothing else waits.

#include "postgres/pump.hpp"
#include "postgres/server_log.hpp"
#include "postgres/transaction.hpp"

namespace atelier::postgres {

namespace {

constexpr std::chrono::hours maintain_every{1};
constexpr std::chrono::minutes most_task_time{10};

}  // namespace

void Pump::maintain(core::Instant now) {
    maintain_at_ = now + maintain_every;
    std::vector<std::string> late;
    {
        Transaction transaction(slot_, "pg_atelier: maintain");
        engine::maintain();
        late = engine::late_tasks();
        transaction.commit();
    }
    due_stale_ = true;
    if (!leasing_) return;
    late_tasks_.assign(late.begin(), late.end());
    late_tasks_until_ = now + most_task_time;
}

// A task that fails is tried again at the next maintenance, and does not keep the others from running.
void Pump::run_late_task(core::Instant now) {
    if (now >= late_tasks_until_) return late_tasks_.clear();
    const std::string task = late_tasks_.front();
    bool more = false;
    try {
        Transaction transaction(slot_, "pg_atelier: task");
        more = engine::run_task(task);
        transaction.commit();
    } catch (const PgError& error) {
        const std::string message = "the task " + task + " failed: " + core::to_storable_text(error.what(), 1000);
        log_line(LogLevel::warning, ("pg_atelier: " + message).c_str());
        // Somebody's lock is gone by then; a task that meets one each time is late, which self_check() tells.
        if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE) {
            alert({"task_failed:" + task, message,
                   "The worker tries again within two hours. SELECT command FROM atelier.maintenance names the "
                   "statement, "
                   "which says more when it is run by hand."});
        }
    }
    if (!more) late_tasks_.pop_front();
}

}  // namespace atelier::postgres
