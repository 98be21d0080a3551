#pragma once
// Small facts about this process.

namespace atelier::executor {

// How early the kernel takes this process when memory is short, -1000 to 1000. Raising needs no privilege. False when
// /proc is not there or refuses.
bool set_oom_score_adjustment(int score) noexcept;

// No core files: they would hold the bytes of customers, and keys.
void forbid_core_files() noexcept;

}  // namespace atelier::executor
