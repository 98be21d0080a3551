// Plays the executor in `make bench`: says hello with the build id of this tree, stamps every order with the monotonic
// clock the moment its bytes were read, and refuses it with that stamp as the message. So the measured way is the real
// one up to here: COMMIT, wake, lease, socket; and nothing is in the figure that a provider would add.

#include <ctime>
#include <string>

#include "worker_socket.hpp"

namespace {

using bench::worker_socket;
using bench::write_all;

long long monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

std::string refusal(const atelier::core::Json& order, long long read_at) {
    return atelier::core::write_json({{"lease", order.at("lease")},
                                      {"outcome", "failed"},
                                      {"sent", false},
                                      {"duration_ms", 0},
                                      {"error", {{"class", "invalid_request"}, {"message", std::to_string(read_at)}}}});
}

bool answer(const atelier::wire::Frame& frame, long long read_at) {
    using atelier::wire::FrameType;
    if (frame.type == FrameType::ping) return write_all(atelier::wire::encode({FrameType::pong, 0, ""}));
    if (frame.type != FrameType::order) return frame.type != FrameType::drain;
    const auto order = atelier::core::parse_json(frame.payload, {}, atelier::core::ErrorClass::invalid_request);
    return order.ok() && write_all(atelier::wire::encode({FrameType::answer, frame.attempt, refusal(*order, read_at)}));
}

}  // namespace

int main() {
    if (!bench::say_hello()) return 0;
    atelier::wire::FrameReader reader;
    char bytes[65536];
    for (;;) {
        pollfd readable{worker_socket, POLLIN, 0};
        poll(&readable, 1, -1);
        const ssize_t count = read(worker_socket, bytes, sizeof bytes);
        const long long read_at = monotonic_ns();
        if (count == 0) return 0;
        if (count < 0) continue;
        reader.feed({bytes, static_cast<std::size_t>(count)});
        for (;;) {
            auto frame = reader.next();
            if (!frame.ok()) return 1;
            if (!frame->has_value()) break;
            if (!answer(**frame, read_at)) return 0;
        }
    }
}
