#include "executor/file_facts.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "core/image_kind.hpp"
#include "core/sha256.hpp"

namespace atelier::executor {
namespace {

core::Error cannot_read(std::string reason) {
    return {core::ErrorClass::storage_failed, "the object cannot be read: " + std::move(reason)};
}

// Up to `size` bytes at `offset`; 0 at the end of the file.
core::Result<std::size_t> read_at(int fd, char* bytes, std::size_t size, std::uint64_t offset) {
    for (;;) {
        const ssize_t got = ::pread(fd, bytes, size, static_cast<off_t>(offset));
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) return cannot_read(std::generic_category().message(errno));
    }
}

}  // namespace

core::Result<FileFacts> read_file_facts(int fd, std::uint64_t size) {
    FileFacts facts;
    core::Sha256 hash;
    std::vector<char> buffer(256 * 1024);
    while (facts.size < size) {
        const auto got =
            read_at(fd, buffer.data(), std::min<std::uint64_t>(buffer.size(), size - facts.size), facts.size);
        if (!got) return got.error();
        if (*got == 0) return cannot_read("it became shorter");
        const std::string_view bytes(buffer.data(), *got);
        if (facts.head.empty()) facts.head = bytes.substr(0, core::image_magic_bytes);
        hash.update(bytes);
        facts.size += *got;
    }
    facts.sha256 = hash.finish();
    return facts;
}

core::Result<std::string> read_file_head(int fd) {
    std::string head(core::image_magic_bytes, '\0');
    const auto got = read_at(fd, head.data(), head.size(), 0);
    if (!got) return got.error();
    head.resize(*got);
    return head;
}

core::Result<std::string> read_file(int fd, std::uint64_t offset, std::uint64_t size) {
    std::string bytes(size, '\0');
    std::size_t filled = 0;
    while (filled < size) {
        const auto got = read_at(fd, bytes.data() + filled, size - filled, offset + filled);
        if (!got) return got.error();
        if (*got == 0) return cannot_read("it became shorter");
        filled += *got;
    }
    return bytes;
}

core::Result<std::uint64_t> file_size(int fd) {
    struct stat facts {};
    if (::fstat(fd, &facts) != 0) return cannot_read(std::generic_category().message(errno));
    return static_cast<std::uint64_t>(facts.st_size);
}

}  // namespace atelier::executor
