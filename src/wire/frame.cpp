#include "wire/frame.hpp"

#include "core/little_endian.hpp"

namespace atelier::wire {
namespace {

using core::get_little_endian;
using core::put_little_endian;

bool known_type(std::uint16_t type) {
    return type >= static_cast<std::uint16_t>(FrameType::hello) && type <= static_cast<std::uint16_t>(FrameType::pace);
}

core::Error protocol_error(std::string message) {
    return {core::ErrorClass::invalid_request, "protocol error: " + std::move(message)};
}

}  // namespace

bool append(std::string& buffer, FrameType type, std::uint64_t attempt, std::string_view payload) {
    if (payload.size() > max_payload_bytes) return false;
    put_little_endian(buffer, static_cast<std::uint32_t>(payload.size()));
    put_little_endian(buffer, static_cast<std::uint16_t>(type));
    put_little_endian(buffer, std::uint16_t{0});
    put_little_endian(buffer, attempt);
    buffer.append(payload);
    return true;
}

std::string encode(const Frame& frame) {
    std::string bytes;
    if (!append(bytes, frame.type, frame.attempt, frame.payload)) return {};
    return bytes;
}

void FrameReader::feed(std::string_view bytes) {
    if (broken_) return;
    // Moving the rest to the front once per feed keeps the cost linear: a frame is copied once however many precede it.
    buffer_.erase(0, position_);
    position_ = 0;
    buffer_.append(bytes);
}

core::Result<std::optional<Frame>> FrameReader::next() {
    if (broken_) return *broken_;
    if (buffered() < header_bytes) return std::optional<Frame>{};

    const std::string_view rest = std::string_view(buffer_).substr(position_);
    const auto length = get_little_endian<std::uint32_t>(rest, 0);
    const auto type = get_little_endian<std::uint16_t>(rest, 4);
    const auto reserved = get_little_endian<std::uint16_t>(rest, 6);
    if (length > max_payload_bytes) {
        broken_ = protocol_error("a payload of " + std::to_string(length) + " bytes");
    } else if (!known_type(type)) {
        broken_ = protocol_error("frame type " + std::to_string(type));
    } else if (reserved != 0) {
        broken_ = protocol_error("reserved field " + std::to_string(reserved));
    }
    if (broken_) {
        buffer_.clear();
        position_ = 0;
        return *broken_;
    }

    if (rest.size() - header_bytes < length) return std::optional<Frame>{};
    Frame frame{static_cast<FrameType>(type), get_little_endian<std::uint64_t>(rest, 8),
                std::string(rest.substr(header_bytes, length))};
    position_ += header_bytes + length;
    return std::optional<Frame>{std::move(frame)};
}

}  // namespace atelier::wire
