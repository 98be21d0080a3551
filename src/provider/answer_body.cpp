#include "provider/answer_body.hpp"

#include <charconv>
#include <optional>
#include <string>

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;

constexpr std::size_t long_string_bytes = std::size_t{16} * 1024;
constexpr std::string_view white_space = " \t\r\n";

// A string of root_ that begins so, with an index behind it, stands for a long one. Where the bytes themselves have
// this text, nothing is cut out. One that is written in escapes gets by; whoever does so reads one of his own strings
// twice.
constexpr std::string_view marker = "<atelier long string>";

// Where the string that starts behind an opening quote ends: its closing quote, or npos. Behind an odd number of
// backslashes a quote does not close.
std::size_t end_of_string(std::string_view bytes, std::size_t start) noexcept {
    std::size_t quote = start;
    while ((quote = bytes.find('"', quote)) != std::string_view::npos) {
        std::size_t backslashes = 0;
        while (quote - backslashes > start && bytes[quote - backslashes - 1] == '\\')
            ++backslashes;
        if (backslashes % 2 == 0) return quote;
        ++quote;
    }
    return quote;
}

// ASCII that stands for itself in a JSON string.
bool is_plain(std::string_view text) noexcept {
    unsigned odd = 0;
    for (const char character : text) {
        const auto byte = static_cast<unsigned char>(character);
        odd |= static_cast<unsigned>(byte < 0x20) | static_cast<unsigned>(byte >= 0x7F) |
               static_cast<unsigned>(byte == '\\');
    }
    return odd == 0;
}

// `bytes` with a marker in the place of each long string. What the parser says of the rest it would say of the whole:
// a string is replaced by a string, and quotes pair up as it pairs them, up to the first breach of syntax at least.
std::string cut_long_strings(std::string_view bytes, std::vector<std::string_view>& long_strings) {
    std::string rest;
    std::size_t kept = 0;
    for (std::size_t quote; (quote = bytes.find('"', kept)) != std::string_view::npos;) {
        const std::size_t end = end_of_string(bytes, quote + 1);
        if (end == std::string_view::npos) break;
        const std::string_view text = bytes.substr(quote + 1, end - quote - 1);
        if (text.size() >= long_string_bytes && is_plain(text)) {
            rest.append(bytes.substr(kept, quote + 1 - kept))
                .append(marker)
                .append(std::to_string(long_strings.size()));
            rest.push_back('"');
            long_strings.push_back(text);
        } else {
            rest.append(bytes.substr(kept, end + 1 - kept));
        }
        kept = end + 1;
    }
    return rest.append(bytes.substr(kept));
}

std::optional<std::size_t> marked_index(std::string_view text) noexcept {
    if (!text.starts_with(marker)) return std::nullopt;
    text.remove_prefix(marker.size());
    std::size_t index = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return index;
}

}  // namespace

core::Result<AnswerBody> AnswerBody::parse(std::string_view bytes) {
    // Filler that kept the connection open may come first.
    const std::size_t start = bytes.find_first_not_of(white_space);
    if (start == std::string_view::npos) return Error{ErrorClass::no_output, "an empty answer"};
    bytes.remove_prefix(start);
    if (bytes.starts_with("\xEF\xBB\xBF"))
        return Error{ErrorClass::invalid_output, "a byte order mark before the JSON"};

    AnswerBody body;
    const bool may_cut = bytes.find(marker) == std::string_view::npos;
    const std::string rest = may_cut ? cut_long_strings(bytes, body.long_strings_) : std::string(bytes);
    auto root = core::parse_json(rest, {max_other_bytes, 64}, ErrorClass::invalid_output);
    if (!root) return std::move(root).error();
    body.root_ = *std::move(root);
    return body;
}

std::string_view AnswerBody::text(const core::Json& value) const {
    if (!value.is_string()) return {};
    const std::string_view text = *value.get_ptr<const std::string*>();
    if (long_strings_.empty()) return text;
    const auto index = marked_index(text);
    return index && *index < long_strings_.size() ? long_strings_[*index] : text;
}

std::string_view AnswerBody::text(const core::Json& object, const char* name) const {
    const core::Json* member = core::find_member(object, name, core::Json::value_t::string);
    return member ? text(*member) : std::string_view{};
}

}  // namespace atelier::provider
