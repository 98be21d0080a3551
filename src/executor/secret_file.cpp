#include "executor/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "storage/unique_fd.hpp"

namespace atelier::executor {

core::Result<std::string> read_secret_file(const std::string& path, std::size_t max_bytes) {
    const auto unreadable = [](std::string reason) { return core::Error{core::ErrorClass::auth, std::move(reason)}; };
    // A FIFO is not waited for; it is refused below.
    const storage::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return unreadable(std::generic_category().message(errno));
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return unreadable("it is not a regular file");
    std::string content(max_bytes + 1, '\0');
    const ssize_t got = ::read(file.get(), content.data(), content.size());
    if (got < 0) return unreadable(std::generic_category().message(errno));
    if (static_cast<std::size_t>(got) > max_bytes) {
        return unreadable("it is longer than " + std::to_string(max_bytes / 1024) + " KiB");
    }
    content.resize(static_cast<std::size_t>(got));
    return content;
}

}  // namespace atelier::executor
