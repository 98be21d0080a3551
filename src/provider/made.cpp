#include "provider/made.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "provider/base64.hpp"

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;

constexpr std::string_view white_space = " \t\r\n";
constexpr std::string_view fence = "```";
constexpr std::size_t max_mime_bytes = 100;

std::string_view trimmed(std::string_view text) noexcept {
    text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
    return text.substr(0, text.find_last_not_of(white_space) + 1);
}

// Servers that ignore response_format let the model write ```json ... ``` around its answer.
std::string_view without_fence(std::string_view text) noexcept {
    if (!text.starts_with(fence) || !text.ends_with(fence) || text.size() < 2 * fence.size()) return text;
    const std::size_t line_end = text.find('\n');
    if (line_end == std::string_view::npos) return text;
    return text.substr(line_end, text.size() - fence.size() - line_end);
}

}  // namespace

core::Result<Made> made_text(std::string_view text) {
    if (trimmed(text).empty()) return Error{ErrorClass::no_output, "the provider answered with an empty text"};
    if (text.size() > max_made_bytes) {
        return Error{ErrorClass::invalid_output, "the provider answered with a text of " + std::to_string(text.size()) +
                                                     " bytes, at most " + std::to_string(max_made_bytes) +
                                                     " are allowed"};
    }
    return Made{{}, {}, std::string(text)};
}

core::Result<Made> made_json(std::string_view text) {
    text = without_fence(trimmed(text));
    if (text.empty()) return Error{ErrorClass::no_output, "the provider answered with an empty text instead of JSON"};
    auto json = core::parse_json(text, {max_made_bytes, 64}, ErrorClass::invalid_output);
    if (!json) return Error{json.error().cls, "the provider was asked for JSON and wrote " + json.error().message};
    if (!json->is_structured())
        return Error{ErrorClass::invalid_output, "the provider was asked for JSON and wrote neither object nor array"};
    return Made{{}, *std::move(json), {}};
}

core::Result<Made> made_picture(std::string_view mime, std::string_view base64, std::string_view said) {
    auto bytes = decode_base64(base64);
    if (!bytes || bytes->empty())
        return Error{ErrorClass::invalid_output, "the provider answered with a picture that is not base64"};
    Made made;
    made.picture = MadePicture{core::to_storable_text(mime, max_mime_bytes), *std::move(bytes)};
    if (said.size() <= max_made_bytes) made.text = said;
    return made;
}

}  // namespace atelier::provider
