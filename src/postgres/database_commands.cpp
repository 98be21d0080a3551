#include "postgres/database_commands.hpp"

#include "postgres/compat.hpp"
#include "postgres/prelude.hpp"
#include "postgres/shared_memory.hpp"
#include "postgres/wake.hpp"

namespace atelier::postgres {

namespace {

ProcessUtility_hook_type previous_hook = nullptr;

// Held by this backend, as positions in the table of slots.
bool held[max_databases];
bool holds_any = false;

constexpr long wait_step_ms = 5;
constexpr int cancel_after_ms = 1000;
constexpr int give_up_after_ms = 5000;

// The database that a statement needs for itself; InvalidOid when there is none, when it does not exist, or when it is
// not the user's: nobody stops the work of a foreign database by trying. Templates, which others may copy, have no
// worker.
Oid needed_database(Node* statement) {
    const char* name = nullptr;
    if (IsA(statement, DropdbStmt)) {
        name = castNode(DropdbStmt, statement)->dbname;
    } else if (IsA(statement, RenameStmt) && castNode(RenameStmt, statement)->renameType == OBJECT_DATABASE) {
        name = castNode(RenameStmt, statement)->subname;
    } else if (IsA(statement, AlterDatabaseStmt)) {
        ListCell* cell;
        foreach (cell, castNode(AlterDatabaseStmt, statement)->options) {
            if (std::strcmp(lfirst_node(DefElem, cell)->defname, "tablespace") == 0) {
                name = castNode(AlterDatabaseStmt, statement)->dbname;
            }
        }
    } else if (IsA(statement, CreatedbStmt)) {
        name = "template1";
        ListCell* cell;
        foreach (cell, castNode(CreatedbStmt, statement)->options) {
            DefElem* option = lfirst_node(DefElem, cell);
            if (std::strcmp(option->defname, "template") == 0 && option->arg != nullptr) name = defGetString(option);
        }
    }
    if (name == nullptr) return InvalidOid;
    const Oid database = get_database_oid(name, true);
    return OidIsValid(database) && compat::owns_database(database, GetUserId()) ? database : InvalidOid;
}

bool drops_an_extension(Node* statement) {
    return IsA(statement, DropStmt) && castNode(DropStmt, statement)->removeType == OBJECT_EXTENSION;
}

// Ours, and by somebody who may.
bool drops_own_extension(Node* statement) {
    const Oid extension = get_extension_oid("pg_atelier", true);
    if (!OidIsValid(extension) || !compat::owns_extension(extension, GetUserId())) return false;
    ListCell* cell;
    foreach (cell, castNode(DropStmt, statement)->objects) {
        if (std::strcmp(strVal(lfirst(cell)), "pg_atelier") == 0) return true;
    }
    return false;
}

// A function of users keeps the tables of the extension from being dropped as long as it runs. Should the command
// fail, it runs again.
void stop_functions(DatabaseSlot& slot) noexcept {
    SpinGuard guard(slot.lock);
    if (slot.database != MyDatabaseId) return;
    for (HandlerSlot& handler : slot.handlers) {
        if (handler.call != CallPhase::none && handler.stop == CallStop::none) handler.stop = CallStop::stopped;
    }
}

// The handler processes that still have to leave; their number. Those that begin to work only now refuse to.
int remaining_handlers(DatabaseSlot& slot, pid_t (&pids)[max_handlers]) noexcept {
    SpinGuard guard(slot.lock);
    int count = 0;
    for (HandlerSlot& handler : slot.handlers) {
        handler.leave = true;
        if (handler.pid != 0) pids[count++] = handler.pid;
    }
    return count;
}

// Pid of the worker that still has to leave; 0 when the launcher has only registered it; nullopt-like -1 when gone.
pid_t remaining_worker(DatabaseSlot& slot) noexcept {
    SpinGuard guard(slot.lock);
    return slot.phase == WorkerPhase::stopped ? -1 : slot.worker_pid;
}

// True: they are gone. Their functions are not waited for.
bool stop_handlers(DatabaseSlot& slot, bool ask) {
    pid_t pids[max_handlers];
    const int count = remaining_handlers(slot, pids);
    for (int i = 0; ask && i < count; ++i)
        kill(pids[i], SIGTERM);
    return count == 0;
}

// Returns when the worker and its handler processes are gone, or after a time in which the command itself says what is
// in its way.
void stop_worker(DatabaseSlot& slot) {
    const TimestampTz start = GetCurrentTimestamp();
    pid_t told = 0;
    bool cancelled = false;
    for (bool first = true;; first = false) {
        const pid_t pid = remaining_worker(slot);
        const bool no_handlers = stop_handlers(slot, first);
        if (pid < 0 && no_handlers) return;
        if (pid > 0 && pid != told) {
            kill(pid, SIGTERM);
            told = pid;
        }
        if (pid > 0 && !cancelled && TimestampDifferenceExceeds(start, GetCurrentTimestamp(), cancel_after_ms)) {
            kill(pid, SIGINT);  // it is inside a statement, perhaps waiting for a lock of ours
            cancelled = true;
        }
        if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), give_up_after_ms)) return;
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_step_ms,
                        compat::wait_event("AtelierWorkerStop"));
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

// False when the slot has gone to another database since it was looked up.
bool hold_slot(DatabaseSlot& slot, Oid database, bool drops) noexcept {
    const auto position = &slot - shared_state()->slots;
    if (held[position]) return true;
    SpinGuard guard(slot.lock);
    if (slot.database != database) return false;
    slot.dropping = drops || (slot.holds > 0 && slot.dropping);
    slot.holds++;
    held[position] = holds_any = true;
    return true;
}

void hold(Oid database, bool drops) {
    for (int i = 0; i < slot_lookups; ++i) {
        DatabaseSlot* slot = reserve_slot(database);
        if (slot == nullptr) return;
        watch_transaction_end();
        if (hold_slot(*slot, database, drops)) return stop_worker(*slot);
    }
}

void on_utility(PlannedStmt* planned, const char* query, bool read_only_tree, ProcessUtilityContext context,
                ParamListInfo params, QueryEnvironment* environment, DestReceiver* destination,
                QueryCompletion* completion) {
    if (IsTransactionState()) {
        const Oid database = needed_database(planned->utilityStmt);
        if (OidIsValid(database)) hold(database, IsA(planned->utilityStmt, DropdbStmt));
        if (drops_an_extension(planned->utilityStmt)) {
            recheck_extension_at_commit();
            DatabaseSlot* slot = drops_own_extension(planned->utilityStmt) ? find_slot(MyDatabaseId) : nullptr;
            if (slot != nullptr) stop_functions(*slot);
        }
    }
    const ProcessUtility_hook_type next = previous_hook != nullptr ? previous_hook : standard_ProcessUtility;
    next(planned, query, read_only_tree, context, params, environment, destination, completion);
}

}  // namespace

void install_database_commands_hook() {
    previous_hook = ProcessUtility_hook;
    ProcessUtility_hook = on_utility;
}

void release_held_databases() noexcept {
    if (!holds_any) return;
    holds_any = false;
    for (int i = 0; i < max_databases; ++i) {
        if (!held[i]) continue;
        held[i] = false;
        DatabaseSlot& slot = shared_state()->slots[i];
        SpinGuard guard(slot.lock);
        if (slot.holds > 0) slot.holds--;
    }
    wake_launcher();
}

}  // namespace atelier::postgres
