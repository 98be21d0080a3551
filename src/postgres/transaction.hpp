#pragma once
// One short transaction of the worker, as atelier_owner, with a time limit and the extension locked against DROP.
// The only place where an error of PostgreSQL is dealt with: the destructor aborts what was not committed.

#include <csignal>

#include "postgres/prelude.hpp"
#include "postgres/worker_slot.hpp"

namespace atelier::postgres {

// Thrown when this process has nothing left to do: the extension is gone, or another incarnation took over. Caught by
// the worker's main function only.
class LeaveWorker final : public std::exception {
  public:
    enum class Why { superseded, extension_gone };

    explicit LeaveWorker(Why why) noexcept : why_(why) {}
    bool extension_is_gone() const noexcept { return why_ == Why::extension_gone; }
    const char* what() const noexcept override {
        return extension_is_gone() ? "the extension is not there any more" : "another incarnation took over";
    }

  private:
    Why why_;
};

class Transaction {
  public:
    // Statements of one transaction together, waits for locks included.
    static constexpr int time_limit_ms = 30000;

    // Begins, or throws PgError or LeaveWorker. `activity` is shown in pg_stat_activity; static text.
    Transaction(WorkerSlot& slot, const char* activity);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    void commit();

  private:
    bool open_ = true;
};

// Set while a transaction commits, for the handler of SIGTERM: the commit may wait for a standby that is gone, and only
// a request to cancel ends that wait. The commit stands then.
extern volatile std::sig_atomic_t committing;

// Ends a transaction that failed, or one in which something failed after its commit; a failure here ends the process.
void abort_transaction() noexcept;

// Sets what every transaction of this process relies on, whatever configuration file, database or role say.
// Once, after the connection. Functions of users find the settings that sessions have, but for the search_path.
enum class SessionFor { engine, users };
void prepare_session(SessionFor whom = SessionFor::engine);

// The extension that this process works for; InvalidOid when there is none. Opens a transaction of its own.
Oid find_own_extension();

// Between transactions: does what signals asked for (barriers, reload of settings, catching up with invalidations). A
// request to cancel finds nothing to cancel here and is logged.
void serve_interrupts();

// Grows with each reload of the settings.
std::uint64_t settings_generation() noexcept;

// Statistics are held back while little time has passed since the last; flush them when the worker has nothing to do.
bool statistics_waiting() noexcept;
void flush_statistics();

}  // namespace atelier::postgres
