#pragma once
// Locks the process down before it touches a foreign byte. There is no way back.

namespace atelier::media {

// Before anything else: no core dump, no debugger, no new privileges.
bool harden_process();

// After everything is loaded: no file can be opened, no socket made, no program started, no memory made executable.
// System calls that are not needed to decode fail with EPERM. The filter holds for all threads; the second wall behind
// it, forbid_files(), for the calling one and those that it starts from then on. False when the kernel refuses the
// filter.
bool lock_down();

// Landlock without a single right, where the kernel has it. Part of lock_down(). It binds the calling thread and those
// that it starts afterwards; it cannot come before the first other one, since warming up the codecs starts threads and
// opens files after that.
void forbid_files();

}  // namespace atelier::media
