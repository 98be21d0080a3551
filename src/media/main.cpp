// The media child: one job, then the end. Descriptors: 0 the order, 1 the report, 3 the picture made, 4 and up the
// inputs. Status 0 with a report, whatever it says; 2 when the process could not be set up, with nothing.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "media/codec.hpp"
#include "media/job.hpp"
#include "media/sandbox.hpp"

namespace {

using namespace std::string_view_literals;

constexpr int order_descriptor = 0;
constexpr int report_descriptor = 1;
constexpr int output_descriptor = 3;
constexpr int first_input_descriptor = 4;
constexpr int cannot_start = 2;

// The file behind a descriptor, up to `limit` bytes. False on a read error.
bool read_all(int descriptor, std::uint64_t limit, std::string& bytes) {
    struct stat status {};
    const bool sized = fstat(descriptor, &status) == 0 && status.st_size > 0;
    const std::uint64_t expected = sized ? static_cast<std::uint64_t>(status.st_size) : 65536;
    bytes.resize(std::min(limit, expected + 1));
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const ssize_t count =
            pread(descriptor, bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        if (count == 0) break;
        filled += static_cast<std::size_t>(count);
        if (filled == bytes.size() && filled < limit) bytes.resize(std::min<std::uint64_t>(limit, 2 * filled));
    }
    bytes.resize(filled);
    return true;
}

bool write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = write(descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

atelier::core::Result<std::string> read_input(std::size_t input, std::uint64_t max_bytes) {
    std::string bytes;
    if (!read_all(first_input_descriptor + static_cast<int>(input), max_bytes + 1, bytes)) {
        return atelier::core::Error{atelier::core::ErrorClass::invalid_request, "the file could not be read"};
    }
    return bytes;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 || (argv[1] != "compose"sv && argv[1] != "inspect"sv && argv[1] != "measure"sv)) return cannot_start;
    if (!atelier::media::harden_process() || !atelier::media::start_codecs(argv[0])) return cannot_start;
    atelier::media::warm_up_codecs();
    if (!atelier::media::lock_down()) return cannot_start;

    std::string order;
    // One byte more tells an order that is too long from one that is cut off.
    if (!read_all(order_descriptor, atelier::media::max_order_bytes + 1, order)) return cannot_start;
    const auto result = atelier::media::run_job(argv[1], order, read_input);
    if (!result.output.empty() && !write_all(output_descriptor, result.output)) return cannot_start;
    if (!write_all(report_descriptor, atelier::core::write_json(result.report))) return cannot_start;
    // Without the clean-up of the libraries: they would want system calls that are gone.
    _exit(0);
}
