#pragma once
// The launcher: one static background worker that keeps the worker of each database alive. It looks into no database
// itself: a worker that finds no extension leaves at once. It learns of databases by trying each connectable one once
// after its start, and from then on by CREATE EXTENSION and by commits that leave notes.
// On a standby it does not start before promotion.

namespace atelier::postgres {

// From _PG_init, while preloading only.
void register_launcher();

}  // namespace atelier::postgres
