// Landlock by its raw system calls: the C library of Debian 12 has no wrapper for them.
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "media/sandbox.hpp"

namespace atelier::media {
namespace {

// Every right over files of the first version of the interface; later versions understand them too.
constexpr unsigned long long all_rights =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;

}  // namespace

void forbid_files() {
    landlock_ruleset_attr attributes{};
    attributes.handled_access_fs = all_rights;
    const long ruleset = syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0) return;  // a kernel without Landlock, or one that has it switched off
    syscall(SYS_landlock_restrict_self, static_cast<int>(ruleset), 0);
    close(static_cast<int>(ruleset));
}

}  // namespace atelier::media
