#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace atelier::core {

// Reads forward. Beyond the end every byte is 0 and failed() is true from then on.
class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) noexcept : bytes_(bytes) {}

    std::uint32_t byte() noexcept {
        if (at_ >= bytes_.size()) {
            failed_ = true;
            return 0;
        }
        return static_cast<unsigned char>(bytes_[at_++]);
    }
    std::uint32_t big_endian(int length) noexcept {
        std::uint32_t value = 0;
        for (int i = 0; i < length; ++i)
            value = value << 8 | byte();
        return value;
    }
    std::uint64_t long_big_endian(int length) noexcept {
        std::uint64_t value = 0;
        for (int i = 0; i < length; ++i)
            value = value << 8 | byte();
        return value;
    }
    std::uint32_t little_endian(int length) noexcept {
        std::uint32_t value = 0;
        for (int i = 0; i < length; ++i)
            value |= byte() << (8 * i);
        return value;
    }
    std::string_view take(std::size_t length) noexcept {
        const std::string_view taken = bytes_.substr(at_, length);
        skip(length);
        return taken;
    }
    void skip(std::size_t length) noexcept {
        if (length > bytes_.size() - at_) {
            failed_ = true;
            length = bytes_.size() - at_;
        }
        at_ += length;
    }
    std::string_view rest() noexcept { return take(bytes_.size() - at_); }
    void skip_to(char what) noexcept { at_ = std::min(bytes_.find(what, at_), bytes_.size()); }

    bool failed() const noexcept { return failed_; }
    bool at_end() const noexcept { return at_ >= bytes_.size(); }

  private:
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

}  // namespace atelier::core
