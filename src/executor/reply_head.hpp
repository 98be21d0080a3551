#pragma once
// Status line and header fields of an HTTP/1 reply (RFC 9112), taken line by line, bounded. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace atelier::executor {

class ReplyHead {
  public:
    using Fields = std::vector<std::pair<std::string, std::string>>;

    static constexpr std::size_t max_fields = 200;

    enum class Taken {
        ok,
        too_long,     // more than max_bytes, or than max_fields, with all interim replies and trailers
        bad_framing,  // a Content-Length that is no number, or two that differ: nobody knows where the reply ends
    };

    explicit ReplyHead(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

    // One line as it came, with or without its line end: status line, field, or the empty one.
    Taken take(std::string_view line);

    // Of the final reply; 0 while there is none (1xx are interim).
    int status() const noexcept { return status_; }
    // Whether the empty line that ends the final reply's head has come.
    bool complete() const noexcept { return complete_ && status_ != 0; }
    // Of the final reply so far, names in lower case, in the order in which they came. Trailers are left out.
    const Fields& fields() const noexcept { return fields_; }
    std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }

  private:
    void take_status(std::string_view line);
    Taken take_field(std::string_view line);

    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    std::size_t lines_ = 0;
    int status_ = 0;
    bool complete_ = false;
    Fields fields_;
    std::optional<std::uint64_t> content_length_;
};

}  // namespace atelier::executor
