#pragma once
// How a commit reaches the worker: triggers note what a transaction writes, one callback hands it over at COMMIT.
// The SQL functions note_*() are in wake.cpp. Notes of a rolled-back subtransaction are kept: a worker that looks in
// vain costs one statement, a missed entry costs a poll interval.

namespace atelier::postgres {

// At the commit of the current transaction the database shall have a worker.
void want_worker_at_commit();

// At the commit of the current transaction the worker looks whether its extension is still there.
void recheck_extension_at_commit();

// For the worker: it asks when something is due in the very transaction that changed a lane, so its own changes of
// lanes are no news to it.
void ignore_own_lane_changes();

// Registers the callback of this backend; harmless when called again.
void watch_transaction_end();

}  // namespace atelier::postgres
