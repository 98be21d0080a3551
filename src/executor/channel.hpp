#pragma once
// The executor's end of the socket to its worker: frames in, frames out, never blocking.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "core/result.hpp"
#include "executor/event_loop.hpp"
#include "storage/unique_fd.hpp"
#include "wire/frame.hpp"

namespace atelier::executor {

class Channel {
  public:
    struct Handlers {
        std::function<void(const wire::Frame&)> on_frame;
        // Once, last: the worker closed its end (no error), or broke the protocol, or the socket failed.
        std::function<void(const core::Result<void>&)> on_end;
        // Whenever nothing is left to be written.
        std::function<void()> on_flushed;
    };

    Channel(EventLoop& loop, storage::UniqueFd socket, Handlers handlers);
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // Queues a frame and writes as much as the socket takes. While more than max_unsent_bytes wait, nothing is read:
    // a worker that does not take answers gets no new orders in either.
    void send(wire::FrameType type, std::uint64_t attempt, std::string_view payload);

    std::size_t unsent_bytes() const noexcept { return unsent_.size() - written_; }

    static constexpr std::size_t max_unsent_bytes = std::size_t{8} * 1024 * 1024;

  private:
    void serve(std::uint32_t events);
    void read_some();
    void write_some();
    void choose_events();
    void end(const core::Result<void>& reason);

    EventLoop& loop_;
    storage::UniqueFd socket_;
    Handlers handlers_;
    wire::FrameReader reader_;
    std::string unsent_;
    std::size_t written_ = 0;
    EventLoop::WatchId watch_ = 0;
    std::uint32_t events_ = 0;
    bool ended_ = false;
};

}  // namespace atelier::executor
