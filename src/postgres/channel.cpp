#include "postgres/channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/text.hpp"

namespace atelier::postgres {

namespace {
constexpr std::size_t read_bytes = std::size_t{64} * 1024;
constexpr int reads_at_a_time = 16;
constexpr std::size_t frames_at_a_time = 64;
}  // namespace

Channel::~Channel() {
    for (Outgoing& frame : output_)
        forget(frame);
    close(socket_);
}

void Channel::forget(Outgoing& frame) noexcept {
    if (frame.type == wire::FrameType::providers) core::wipe(frame.bytes);
}

bool Channel::queue(wire::FrameType type, std::int64_t attempt, std::string_view payload) {
    Outgoing frame{type, attempt, {}};
    if (!wire::append(frame.bytes, type, static_cast<std::uint64_t>(attempt), payload)) return false;
    queued_bytes_ += frame.bytes.size();
    output_.push_back(std::move(frame));
    return true;
}

bool Channel::flush() {
    while (!output_.empty()) {
        std::array<iovec, frames_at_a_time> parts;
        std::size_t count = 0;
        for (Outgoing& frame : output_) {
            if (count == parts.size()) break;
            const std::size_t skip = count == 0 ? head_written_ : 0;
            parts[count++] = {frame.bytes.data() + skip, frame.bytes.size() - skip};
        }
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = count;
        const ssize_t sent = sendmsg(socket_, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
            error_ = std::string("could not write: ") + std::strerror(errno);
            return false;
        }
        written(static_cast<std::size_t>(sent));
    }
    return true;
}

void Channel::written(std::size_t bytes) {
    queued_bytes_ -= bytes;
    while (bytes > 0) {
        const std::size_t left = output_.front().bytes.size() - head_written_;
        if (bytes < left) {
            head_written_ += bytes;
            return;
        }
        bytes -= left;
        head_written_ = 0;
        forget(output_.front());
        output_.pop_front();
    }
}

bool Channel::receive(std::vector<wire::Frame>& frames) {
    std::array<char, read_bytes> buffer;
    for (int i = 0; i < reads_at_a_time; ++i) {
        const ssize_t got = recv(socket_, buffer.data(), buffer.size(), 0);
        if (got > 0) {
            reader_.feed({buffer.data(), static_cast<std::size_t>(got)});
            if (!parse(frames)) return false;
            if (static_cast<std::size_t>(got) < buffer.size()) return true;
        } else if (got == 0) {
            error_ = "end of stream";
            return false;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return true;
        } else if (errno != EINTR) {
            error_ = std::string("could not read: ") + std::strerror(errno);
            return false;
        }
    }
    return true;
}

bool Channel::parse(std::vector<wire::Frame>& frames) {
    for (;;) {
        auto next = reader_.next();
        if (!next) {
            error_ = next.error().message;
            return false;
        }
        if (!next->has_value()) return true;
        frames.push_back(std::move(**next));
    }
}

std::vector<std::int64_t> Channel::take_back_orders() {
    std::vector<std::int64_t> taken;
    const auto first = output_.begin() + (head_written_ > 0 ? 1 : 0);
    const auto is_order = [&](const Outgoing& frame) { return frame.type == wire::FrameType::order; };
    for (auto frame = first; frame != output_.end(); ++frame) {
        if (!is_order(*frame)) continue;
        taken.push_back(frame->attempt);
        queued_bytes_ -= frame->bytes.size();
    }
    output_.erase(std::remove_if(first, output_.end(), is_order), output_.end());
    return taken;
}

std::vector<std::int64_t> Channel::unsent_orders() const {
    std::vector<std::int64_t> unsent;
    for (const Outgoing& frame : output_) {
        if (frame.type == wire::FrameType::order) unsent.push_back(frame.attempt);
    }
    return unsent;
}

}  // namespace atelier::postgres
