#include "executor/channel.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace atelier::executor {
namespace {

core::Error socket_error(const std::string& what, int error_number) {
    return {core::ErrorClass::worker_lost, what + ": " + std::generic_category().message(error_number)};
}

}  // namespace

Channel::Channel(EventLoop& loop, storage::UniqueFd socket, Handlers handlers)
    : loop_(loop), socket_(std::move(socket)), handlers_(std::move(handlers)) {
    ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
    ::fcntl(socket_.get(), F_SETFD, FD_CLOEXEC);
    events_ = EPOLLIN;
    watch_ = loop_.watch(socket_.get(), events_, [this](std::uint32_t events) { serve(events); });
}

Channel::~Channel() {
    loop_.unwatch(watch_);
}

void Channel::send(wire::FrameType type, std::uint64_t attempt, std::string_view payload) {
    if (ended_ || !wire::append(unsent_, type, attempt, payload)) return;
    write_some();
    choose_events();
}

void Channel::serve(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) write_some();
    // A hang-up is seen by reading to the end; while reading is paused it ends the channel directly.
    if ((events & EPOLLIN) != 0 && (events_ & EPOLLIN) != 0) {
        read_some();
    } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
        end({});
    }
    choose_events();
    if (!ended_ && unsent_bytes() == 0) handlers_.on_flushed();
}

void Channel::read_some() {
    std::array<char, 65536> bytes;
    // A few reads, then back to the loop: a flood of orders must not starve timers and children.
    for (int reads = 0; reads < 8 && !ended_ && unsent_bytes() <= max_unsent_bytes; ++reads) {
        const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
        if (got == 0) return end({});
        if (got < 0) {
            if (errno == EINTR) continue;
            // Reset: the worker went without having read everything. An end like any other.
            if (errno == ECONNRESET) return end({});
            if (errno != EAGAIN && errno != EWOULDBLOCK) end(socket_error("reading from the worker", errno));
            return;
        }
        reader_.feed({bytes.data(), static_cast<std::size_t>(got)});
        while (!ended_) {
            auto frame = reader_.next();
            if (!frame) return end(frame.error());
            if (!*frame) break;
            handlers_.on_frame(**frame);
        }
    }
}

void Channel::write_some() {
    while (unsent_bytes() > 0 && !ended_) {
        const ssize_t put = ::send(socket_.get(), unsent_.data() + written_, unsent_bytes(), MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            // What a lost worker sent before it went is still to be read: reading finds the end.
            if (errno != EAGAIN && errno != EWOULDBLOCK) written_ = unsent_.size();
            break;
        }
        written_ += static_cast<std::size_t>(put);
    }
    if (written_ == unsent_.size() || written_ > 1024 * 1024) {
        unsent_.erase(0, written_);
        written_ = 0;
    }
}

void Channel::choose_events() {
    if (ended_) return;
    std::uint32_t wanted = 0;
    if (unsent_bytes() <= max_unsent_bytes) wanted |= EPOLLIN;
    if (unsent_bytes() > 0) wanted |= EPOLLOUT;
    if (wanted == events_) return;
    events_ = wanted;
    loop_.change(watch_, events_);
}

void Channel::end(const core::Result<void>& reason) {
    if (ended_) return;
    ended_ = true;
    loop_.unwatch(watch_);
    handlers_.on_end(reason);
}

}  // namespace atelier::executor
