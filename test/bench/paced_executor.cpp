// Plays the executor in `make bench`: does nothing for about as long as an order says ("latency_ms" of its request, a
// quarter more or less) and answers that it was completed. So what is measured is whom the worker chooses and when,
// beside work that takes its time, and nothing that a provider would add.

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "worker_socket.hpp"

namespace {

using atelier::wire::FrameType;

using bench::worker_socket;
using bench::write_all;

long long monotonic_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1'000'000;
}

struct Due {
    long long at;
    std::uint64_t attempt;
    std::string answer;

    bool operator>(const Due& other) const { return at > other.at; }
};

class Works {
  public:
    bool take(const atelier::wire::Frame& frame) {
        if (frame.type == FrameType::ping) return write_all(atelier::wire::encode({FrameType::pong, 0, ""}));
        if (frame.type == FrameType::drain) return false;
        if (frame.type != FrameType::order) return true;
        const auto order = atelier::core::parse_json(frame.payload, {}, atelier::core::ErrorClass::invalid_request);
        if (!order.ok()) return false;
        const long long said = order->at("request").value("latency_ms", 0LL);
        const long long latency = std::uniform_int_distribution<long long>(said - said / 4, said + said / 4)(random_);
        due_.push({monotonic_ms() + latency, frame.attempt,
                   atelier::core::write_json({{"lease", order->at("lease")},
                                              {"outcome", "completed"},
                                              {"sent", true},
                                              {"duration_ms", latency},
                                              {"result", atelier::core::Json::object()}})});
        return true;
    }

    bool answer_due() {
        std::string bytes;
        for (; !due_.empty() && due_.top().at <= monotonic_ms(); due_.pop())
            bytes += atelier::wire::encode({FrameType::answer, due_.top().attempt, due_.top().answer});
        return write_all(bytes);
    }

    // Milliseconds until the next answer; -1: there is none to come.
    int wait_ms() const { return due_.empty() ? -1 : static_cast<int>(std::max(0LL, due_.top().at - monotonic_ms())); }

  private:
    std::mt19937_64 random_{20261122};
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

}  // namespace

int main() {
    if (!bench::say_hello()) return 0;
    atelier::wire::FrameReader reader;
    Works works;
    char bytes[65536];
    for (;;) {
        pollfd readable{worker_socket, POLLIN, 0};
        poll(&readable, 1, works.wait_ms());
        if ((readable.revents & (POLLIN | POLLHUP)) != 0) {
            const ssize_t count = read(worker_socket, bytes, sizeof bytes);
            if (count == 0) return 0;
            if (count > 0) reader.feed({bytes, static_cast<std::size_t>(count)});
            for (;;) {
                auto frame = reader.next();
                if (!frame.ok()) return 1;
                if (!frame->has_value()) break;
                if (!works.take(**frame)) return 0;
            }
        }
        if (!works.answer_due()) return 0;
    }
}
