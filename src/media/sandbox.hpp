#pragma once
// Locks the process down before it touches a foreign byte. There is no way back.

namespace atelier::media {

// Before anything else: no core dump, no debugger, no new privileges.
bool harden_process();

// After everything is loaded: no file can be opened, no socket made, no program started, no memory made executable.
// System calls that are not needed to decode fail with EPERM. Holds for all threads. False when the kernel refuses.
bool lock_down();

// Landlock without a single right: a second wall behind the first, where the kernel has it. Part of lock_down().
void forbid_files();

}  // namespace atelier::media
