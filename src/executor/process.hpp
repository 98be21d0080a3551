#pragma once
// Small facts about this process.

namespace atelier::executor {

// How early the kernel takes this process when memory is short, -1000 to 1000. Raising needs no privilege. False when
// /proc is not there or refuses.
bool set_oom_score_adjustment(int score) noexcept;

// No core files: they would hold the bytes of customers, and keys.
void forbid_core_files() noexcept;

// As many open files as the hard limit allows: hundreds of calls have a connection each. False when it stays as it was.
bool raise_descriptor_limit() noexcept;

// Memory and environment of this process are for root alone, not for other processes of the same user. Until the next
// exec.
void keep_memory_private() noexcept;

}  // namespace atelier::executor
