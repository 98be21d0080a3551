#include "executor/spool_segment.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "executor/spool_directory.hpp"

namespace atelier::executor {
namespace {

using storage::UniqueFd;

// Writes all of the pieces, which it uses up. 0, or the errno of the call that failed.
template <std::size_t count>
int write_pieces(int fd, std::uint64_t place, std::array<iovec, count> pieces) {
    for (std::size_t first = 0; first < count;) {
        const ssize_t put =
            ::pwritev(fd, pieces.data() + first, static_cast<int>(count - first), static_cast<off_t>(place));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        place += static_cast<std::uint64_t>(put);
        auto written = static_cast<std::size_t>(put);
        for (; first < count && written >= pieces[first].iov_len; ++first) {
            written -= pieces[first].iov_len;
        }
        if (first == count) break;
        pieces[first].iov_base = static_cast<char*>(pieces[first].iov_base) + written;
        pieces[first].iov_len -= written;
    }
    return 0;
}

iovec piece(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};
}

// 0, or the errno of the call that failed. ESTALE: another executor took the file for a leftover of a dead one, as it
// may before the lock is held.
int fill_and_name(int directory, int fd, const std::string& temporary, const std::string& name,
                  const std::string& header) {
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK ? ESTALE : errno;
    if (const int failure = write_pieces(fd, 0, std::array{piece(header)})) return failure;
    if (::fsync(fd) != 0) return errno;
    if (::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) {
        return errno == ENOENT ? ESTALE : errno;
    }
    if (::fsync(directory) == 0) return 0;
    const int failure = errno;
    ::unlinkat(directory, name.c_str(), 0);
    return failure;
}

int make_one(int directory, const std::string& id, std::uint64_t number, std::uint64_t mark, SpoolSegment& segment) {
    const std::string temporary = to_string(SpoolName{id, number, SpoolFile::temporary});
    const std::string name = to_string(SpoolName{id, number, SpoolFile::segment});
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd fd(::openat(directory, temporary.c_str(), flags, 0600));
    if (!fd) return errno;
    const std::string header = encode_segment_header(mark);
    if (const int failure = fill_and_name(directory, fd.get(), temporary, name, header)) {
        ::unlinkat(directory, temporary.c_str(), 0);
        return failure;
    }
    segment = SpoolSegment{};
    segment.name = name;
    segment.fd = std::move(fd);
    segment.tail = segment.synced = header.size();
    return 0;
}

}  // namespace

int make_segment(int directory, const std::string& id, std::uint64_t& last_number, std::uint64_t mark,
                 SpoolSegment& segment) {
    int failure = ESTALE;
    for (int tries = 0; failure == ESTALE && tries < 10; ++tries) {
        failure = make_one(directory, id, ++last_number, mark, segment);
    }
    return failure;
}

int write_record(int fd, std::uint64_t place, const EncodedRecord& record) {
    return write_pieces(fd, place, std::array{piece(record.front), piece(record.body), piece(record.checksum)});
}

}  // namespace atelier::executor
