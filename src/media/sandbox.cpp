#include "media/sandbox.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <memory>

namespace atelier::media {
namespace {

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

// libseccomp's own macros leave a member out, of which clang warns.
scmp_arg_cmp argument(unsigned number, scmp_compare how, scmp_datum_t datum, scmp_datum_t second = 0) {
    return {number, how, datum, second};
}

bool allow(const Filter& filter, int call) {
    return seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) == 0;
}

bool allow_if(const Filter& filter, int call, scmp_arg_cmp condition) {
    return seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 1, condition) == 0;
}

bool allow_memory(const Filter& filter) {
    return allow(filter, SCMP_SYS(brk)) && allow(filter, SCMP_SYS(munmap)) && allow(filter, SCMP_SYS(mremap)) &&
           allow(filter, SCMP_SYS(madvise)) &&
           allow_if(filter, SCMP_SYS(mmap), argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
           allow_if(filter, SCMP_SYS(mprotect), argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
           allow(filter, SCMP_SYS(get_mempolicy)) && allow(filter, SCMP_SYS(set_mempolicy));
}

bool allow_threads(const Filter& filter) {
    // clone3 hides its flags in memory where no filter sees them; told that there is none, the C library takes clone.
    return seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           allow_if(filter, SCMP_SYS(clone), argument(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) &&
           allow_if(filter, SCMP_SYS(prctl), argument(0, SCMP_CMP_EQ, PR_SET_NAME)) && allow(filter, SCMP_SYS(futex)) &&
           allow(filter, SCMP_SYS(set_robust_list)) && allow(filter, SCMP_SYS(rseq)) &&
           allow(filter, SCMP_SYS(membarrier)) && allow(filter, SCMP_SYS(sched_yield)) &&
           allow(filter, SCMP_SYS(sched_getaffinity)) && allow(filter, SCMP_SYS(gettid)) &&
           allow(filter, SCMP_SYS(exit)) && allow(filter, SCMP_SYS(exit_group));
}

bool allow_signals(const Filter& filter) {
    return allow(filter, SCMP_SYS(rt_sigaction)) && allow(filter, SCMP_SYS(rt_sigprocmask)) &&
           allow(filter, SCMP_SYS(rt_sigreturn)) && allow(filter, SCMP_SYS(sigaltstack)) &&
           allow(filter, SCMP_SYS(getpid)) && allow(filter, SCMP_SYS(restart_syscall)) &&
           // abort() of this process, and no other's end.
           allow_if(filter, SCMP_SYS(tgkill), argument(0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid())));
}

// Descriptors that are open already. fstat() of the C library is newfstatat(fd, "", AT_EMPTY_PATH). A filter cannot see
// that the path is empty: with the descriptor a real one, a relative path leads nowhere, as no directory is open, but
// an absolute one still passes. It tells of a file whether it exists, its size, owner, mode and times; never its
// content.
bool allow_descriptors(const Filter& filter) {
    return allow(filter, SCMP_SYS(read)) && allow(filter, SCMP_SYS(pread64)) && allow(filter, SCMP_SYS(write)) &&
           allow(filter, SCMP_SYS(writev)) && allow(filter, SCMP_SYS(lseek)) && allow(filter, SCMP_SYS(close)) &&
           allow(filter, SCMP_SYS(fstat)) &&
           // All 64 bits are compared, so AT_FDCWD, which is negative, passes in no spelling.
           seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 2, argument(0, SCMP_CMP_LE, INT_MAX),
                            argument(3, SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH)) == 0;
}

bool allow_clocks(const Filter& filter) {
    return allow(filter, SCMP_SYS(clock_gettime)) && allow(filter, SCMP_SYS(clock_nanosleep)) &&
           allow(filter, SCMP_SYS(nanosleep)) && allow(filter, SCMP_SYS(gettimeofday)) &&
           allow(filter, SCMP_SYS(getrandom)) && allow(filter, SCMP_SYS(getrusage)) &&
           // Reading limits, of this process only; the C library asks for the stack's when it starts a thread.
           seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, argument(0, SCMP_CMP_EQ, 0),
                            argument(2, SCMP_CMP_EQ, 0)) == 0;
}

}  // namespace

bool harden_process() {
    return prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool lock_down() {
    forbid_files();
    const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
    return filter != nullptr && seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1) == 0 && allow_memory(filter) &&
           allow_threads(filter) && allow_signals(filter) && allow_descriptors(filter) && allow_clocks(filter) &&
           seccomp_load(filter.get()) == 0;
}

}  // namespace atelier::media
