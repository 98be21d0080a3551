#pragma once
// The worker's end of an executor that is played in `make bench`.

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "core/build_id.hpp"
#include "core/json.hpp"
#include "wire/frame.hpp"

namespace bench {

inline constexpr int worker_socket = 3;

// The socket is non-blocking; what is written here always fits it sooner or later.
inline bool write_all(const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t wrote = send(worker_socket, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (wrote > 0) {
            done += static_cast<std::size_t>(wrote);
        } else if (errno == EAGAIN) {
            pollfd writable{worker_socket, POLLOUT, 0};
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

inline bool say_hello() {
    const atelier::core::Json hello = {{"build", atelier::core::build_id()}, {"pid", getpid()}};
    return write_all(atelier::wire::encode({atelier::wire::FrameType::hello, 0, atelier::core::write_json(hello)}));
}

}  // namespace bench
