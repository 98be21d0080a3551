#include "executor/reply_head.hpp"

#include <algorithm>
#include <charconv>

namespace atelier::executor {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view white_space = " \t\r\n";
    const std::size_t first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Digits and nothing else, as RFC 9110 section 8.6 has it.
std::optional<std::uint64_t> number(std::string_view digits) noexcept {
    std::uint64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

}  // namespace

ReplyHead::Taken ReplyHead::take(std::string_view line) {
    bytes_ += line.size();
    const std::string_view content = trimmed(line);
    if (!content.empty()) ++lines_;
    if (bytes_ > max_bytes_ || lines_ > max_fields) return Taken::too_long;
    if (line.starts_with("HTTP/")) {
        take_status(content);
        return Taken::ok;
    }
    if (content.empty()) complete_ = true;
    if (complete_) return Taken::ok;
    // A folded line (RFC 9112 section 5.2) goes on with the field before it.
    if (line.front() == ' ' || line.front() == '\t') {
        if (!fields_.empty()) fields_.back().second.append(" ").append(content);
        return Taken::ok;
    }
    return take_field(content);
}

void ReplyHead::take_status(std::string_view line) {
    const std::string_view rest = trimmed(line.substr(std::min(line.find(' '), line.size())));
    const int status = static_cast<int>(number(rest.substr(0, rest.find(' '))).value_or(0) % 10'000);
    status_ = status >= 100 && status < 200 ? 0 : status;
    complete_ = false;
    fields_.clear();
    content_length_.reset();
}

ReplyHead::Taken ReplyHead::take_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Taken::ok;
    std::string name(trimmed(line.substr(0, colon)));
    std::transform(name.begin(), name.end(), name.begin(), lower);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "content-length") {
        const auto length = number(value);
        if (!length || (content_length_ && content_length_ != length)) return Taken::bad_framing;
        content_length_ = length;
    }
    fields_.emplace_back(std::move(name), value);
    return Taken::ok;
}

}  // namespace atelier::executor
