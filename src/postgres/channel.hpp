#pragma once
// The worker's end of the socket to its executor. Never blocks: what does not fit the socket waits in a queue here.
// No PostgreSQL here.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.hpp"

namespace atelier::postgres {

class Channel {
  public:
    // Takes over a non-blocking stream socket.
    explicit Channel(int socket) noexcept : socket_(socket) {}
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    int fd() const noexcept { return socket_; }

    // Queues a frame. False when its payload is over the limit of the wire.
    [[nodiscard]] bool queue(wire::FrameType type, std::int64_t attempt, std::string_view payload);

    // Writes what the socket takes. False when the connection is gone.
    [[nodiscard]] bool flush();
    bool has_output() const noexcept { return !output_.empty(); }
    std::size_t queued_bytes() const noexcept { return queued_bytes_; }

    // Reads what there is, at most about a megabyte, and appends whole frames. False at end of stream, on an error of
    // the socket or of the protocol; frames read before it are appended all the same, and error() says what it was.
    [[nodiscard]] bool receive(std::vector<wire::Frame>& frames);
    const std::string& error() const noexcept { return error_; }

    // Takes queued orders of which not a byte was written out of the queue and names their attempts.
    std::vector<std::int64_t> take_back_orders();
    // Orders that the executor has not got whole. For a connection that has ended.
    std::vector<std::int64_t> unsent_orders() const;

  private:
    struct Outgoing {
        wire::FrameType type;
        std::int64_t attempt;
        std::string bytes;
    };

    bool parse(std::vector<wire::Frame>& frames);
    void written(std::size_t bytes);
    // Frames with keys are overwritten before their memory is given back.
    static void forget(Outgoing& frame) noexcept;

    int socket_;
    std::deque<Outgoing> output_;
    std::size_t head_written_ = 0;  // of output_.front()
    std::size_t queued_bytes_ = 0;
    wire::FrameReader reader_;
    std::string error_;
};

}  // namespace atelier::postgres
