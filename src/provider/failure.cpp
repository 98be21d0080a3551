#include "provider/failure.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "provider/rate_limits.hpp"

namespace atelier::provider {
namespace {

using core::ErrorClass;
using core::Json;

constexpr std::string_view white_space = " \t\r\n";
constexpr std::size_t max_quoted_bytes = 300;
constexpr std::size_t kept_message_bytes = 4000;  // for what looks at messages
constexpr std::size_t max_word_bytes = 64;

char lower(char letter) noexcept {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
}

std::string lowered(std::string_view text) {
    std::string low(text);
    std::transform(low.begin(), low.end(), low.begin(), lower);
    return low;
}

bool is_word_character(char character) noexcept {
    const char low = lower(character);
    return (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9') || low == '_' || low == '-' || low == '.';
}

std::string word_of(const AnswerBody& answer, const Json& error, const char* name) {
    const std::string_view text = answer.text(error, name);
    const bool is_word = text.size() <= max_word_bytes && std::all_of(text.begin(), text.end(), is_word_character);
    return std::string(is_word ? text : std::string_view{});
}

int status_of(const Json& error, const char* name) {
    const Json* number = core::find_member(error, name, Json::value_t::number_unsigned);
    if (!number || number->get<std::uint64_t>() < 100 || number->get<std::uint64_t>() > 599) return 0;
    return number->get<int>();
}

std::string first_text(const AnswerBody& answer, const Json& object, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        const std::string_view text = answer.text(object, name);
        if (!text.empty()) return std::string(text.substr(0, kept_message_bytes));
    }
    return {};
}

ErrorBody read_error_object(const AnswerBody& answer, const Json& error) {
    ErrorBody body;
    body.code = status_of(error, "code");
    if (body.code == 0) body.code = status_of(error, "status");
    // Gemini: code 429, status "RESOURCE_EXHAUSTED". OpenAI: code "insufficient_quota", no status.
    body.word = word_of(answer, error, "code");
    if (body.word.empty()) body.word = word_of(answer, error, "status");
    body.type = word_of(answer, error, "type");
    body.message = first_text(answer, error, {"message", "detail", "error", "title"});
    if (const Json* details = core::find_member(error, "details", Json::value_t::array)) body.details = *details;
    return body;
}

}  // namespace

bool ErrorBody::is(std::string_view name) const {
    return lowered(word) == name || lowered(type) == name;
}

ErrorBody read_error_body(const AnswerBody& answer) {
    const Json& root = answer.root();
    const Json& object = root.is_array() && !root.empty() ? root.front() : root;
    if (!object.is_object()) return {};
    const auto error = object.find("error");
    const bool has_error = error != object.end() && !error->is_null();
    ErrorBody body = read_error_object(answer, has_error && error->is_object() ? *error : object);
    body.present = has_error;
    return body;
}

ErrorBody read_error_body(std::string_view bytes) {
    if (const auto answer = AnswerBody::parse(bytes)) return read_error_body(*answer);
    ErrorBody body;
    const std::size_t start = std::min(bytes.find_first_not_of(white_space), bytes.size());
    const std::string_view text = bytes.substr(start);
    // A page says more about the gateway than about the error, and what looks like JSON was cut off.
    const bool readable = !text.empty() && text.front() != '<' && text.front() != '{' && text.front() != '[';
    if (readable && core::is_storable_text(text)) body.message = text.substr(0, kept_message_bytes);
    return body;
}

ErrorClass class_of_status(int status) noexcept {
    switch (status) {
        case 401:
        case 403:
        case 407:
            return ErrorClass::auth;
        case 402:
            return ErrorClass::no_credit;
        case 408:
        case 499:  // to nginx and Google: the client went away
        case 504:
            return ErrorClass::timeout;
        case 409:
        case 425:
            return ErrorClass::overloaded;
        case 429:
            return ErrorClass::rate_limited;
        case 304:
            return ErrorClass::invalid_output;
        default:
            break;
    }
    if (is_success(status) || (status >= 500 && status < 600)) return ErrorClass::overloaded;
    // A redirection is not followed with a key: the operator has to name the final address.
    return status >= 300 && status < 500 ? ErrorClass::invalid_request : ErrorClass::invalid_output;
}

bool is_success(int status) noexcept {
    return status >= 200 && status < 300;
}

core::Error provider_error(ErrorClass cls, int status, const ErrorBody& body, std::string_view hint) {
    std::string message = "the provider answered " + std::to_string(status);
    const std::string& word = body.word.empty() ? body.type : body.word;
    if (!word.empty()) message += " (" + word + ")";
    message += hint;
    if (const std::string said = quote(body.message); !said.empty()) message += ": " + said;
    return {cls, std::move(message)};
}

std::string_view hint_of_status(int status) noexcept {
    if (status == 404) return "; if the model is retired, the operator must name another one in the server's options";
    if (status == 413) return "; the pictures of the request are too large";
    if (status >= 300 && status < 400) return "; a redirection is not followed, base_url must name the final address";
    return {};
}

bool may_pause(ErrorClass cls) noexcept {
    return cls == ErrorClass::rate_limited || cls == ErrorClass::overloaded || cls == ErrorClass::timeout;
}

core::Error unreadable(const HttpAnswer& answer, const core::Error& error) {
    std::string message = "the provider answered " + std::to_string(answer.status) + " with ";
    const auto encoding = find_header(answer, "content-encoding");
    const std::size_t start = answer.body.find_first_not_of(white_space);
    if (error.cls == ErrorClass::invalid_output && encoding && *encoding != "identity") {
        message += "a Content-Encoding that was not asked for, " + quote(encoding->substr(0, max_word_bytes));
    } else if (start != std::string_view::npos && answer.body[start] == '<') {
        message += "a page instead of JSON";
    } else {
        message += error.message;
    }
    return {error.cls, std::move(message)};
}

std::string quote(std::string_view text) {
    // Cut before it is mended, with room for characters that grow.
    const std::size_t start = std::min(text.find_first_not_of(white_space), text.size());
    std::string said = core::to_storable_text(text.substr(start, max_quoted_bytes), max_quoted_bytes);
    said.erase(said.find_last_not_of(" .") + 1);
    return said;
}

bool mentions(std::string_view text, std::string_view what) {
    return lowered(text).find(what) != std::string::npos;
}

Verdict failed(core::Error error, std::optional<core::Milliseconds> retry_after) {
    return {std::move(error), {}, {}, retry_after};
}

}  // namespace atelier::provider
