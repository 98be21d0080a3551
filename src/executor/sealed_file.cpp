#include "executor/sealed_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace atelier::executor {

storage::UniqueFd sealed_file(std::initializer_list<std::string_view> pieces) {
    storage::UniqueFd file(::memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    off_t end = 0;
    for (std::string_view rest : pieces) {
        while (file && !rest.empty()) {
            const ssize_t put = ::pwrite(file.get(), rest.data(), rest.size(), end);
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return {};
            end += put;
            rest.remove_prefix(static_cast<std::size_t>(put));
        }
    }
    if (file && ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
        return {};
    }
    return file;
}

}  // namespace atelier::executor
