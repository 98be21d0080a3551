#include "storage/s3_failure.hpp"

#include <algorithm>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>

#include "core/http_fields.hpp"
#include "core/text.hpp"
#include "storage/s3_error_rules.hpp"

namespace atelier::storage::s3 {
namespace {

using core::Error;
using core::ErrorClass;
using core::HttpAnswer;

constexpr std::string_view white_space = " \t\r\n";
constexpr std::size_t max_quoted_bytes = 300;
constexpr std::size_t max_word_bytes = 64;
constexpr std::size_t max_error_bytes = std::size_t{256} * 1024;  // of an answer that is an error
constexpr std::size_t hash_digits = 32;                           // no word is as long; hashes and keys are

bool is_alphanumeric(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_blank(std::string_view text) noexcept {
    return text.find_first_not_of(white_space) == std::string_view::npos;
}

// A code, region or id: letters, digits and a few signs, or nothing at all.
std::string word_of(std::string_view text) {
    const bool is_word = text.size() <= max_word_bytes && std::all_of(text.begin(), text.end(), [](char c) {
                             return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
                         });
    return std::string(is_word ? text : std::string_view{});
}

// "2009-11-18T00:59:21Z", perhaps with a fraction.
std::optional<WallTime> parse_time(std::string_view text) {
    std::istringstream in{std::string(text.substr(0, max_word_bytes))};
    in.imbue(std::locale::classic());
    std::tm parts{};
    in >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%S");
    if (in.fail() || !text.ends_with('Z')) return std::nullopt;
    using namespace std::chrono;
    const year_month_day date{year(parts.tm_year + 1900), month(static_cast<unsigned>(parts.tm_mon + 1)),
                              day(static_cast<unsigned>(parts.tm_mday))};
    if (!date.ok()) return std::nullopt;
    return sys_days(date) + hours(parts.tm_hour) + minutes(parts.tm_min) + seconds(parts.tm_sec);
}

// AWS's key ids; those of others look like any word, or like a hash.
bool is_key_id(std::string_view word) noexcept {
    return word.size() >= 16 && (word.starts_with("AKIA") || word.starts_with("ASIA"));
}

// Without addresses, key ids and signatures, should a server repeat what it was sent.
std::string scrubbed(std::string_view text) {
    std::string clean;
    while (!text.empty()) {
        const std::size_t blank = std::min(text.find_first_of(white_space), text.size());
        std::string_view word = text.substr(0, blank);
        if (word.find("://") != std::string_view::npos) {
            clean += "[address]";
            word = {};
        }
        while (!word.empty()) {
            const auto* const end = std::find_if_not(word.begin(), word.end(), is_alphanumeric);
            const auto length = std::max<std::size_t>(static_cast<std::size_t>(end - word.begin()), 1);
            const std::string_view run = word.substr(0, length);
            clean += run.size() >= hash_digits || is_key_id(run) ? std::string_view("[redacted]") : run;
            word.remove_prefix(length);
        }
        clean += text.substr(blank, 1);
        text.remove_prefix(std::min(blank + 1, text.size()));
    }
    return clean;
}

std::string quote(std::string_view message) {
    const std::size_t start = std::min(message.find_first_not_of(white_space), message.size());
    // Cut last: half a key id is none.
    std::string said = core::to_storable_text(scrubbed(message.substr(start, 4 * max_quoted_bytes)), max_quoted_bytes);
    said.erase(said.find_last_not_of(" .") + 1);
    return said;
}

// What an <Error> and the headers beside it tell.
struct Told {
    std::string code;
    std::string message;
    std::string request_id;
    std::string region;
    std::optional<WallTime> server_time;
};

std::string header_word(const HttpAnswer& answer, std::string_view name) {
    const auto value = core::find_header(answer, name);
    return value ? word_of(*value) : std::string();
}

// `error` may be nullptr.
Told told_by(const HttpAnswer& answer, const XmlElement* error) {
    static const XmlElement nothing{};
    const XmlElement& body = error ? *error : nothing;
    Told told;
    told.code = word_of(body.text_of("Code"));
    told.message = quote(body.text_of("Message"));
    told.request_id = header_word(answer, "x-amz-request-id");
    if (told.request_id.empty()) told.request_id = word_of(body.text_of("RequestId"));
    told.region = header_word(answer, "x-amz-bucket-region");
    if (told.region.empty()) told.region = word_of(body.text_of("Region"));
    told.server_time = parse_time(body.text_of("ServerTime"));
    if (!told.server_time) {
        if (const auto date = core::find_header(answer, "date")) told.server_time = core::parse_http_date(*date);
    }
    return told;
}

std::optional<core::Milliseconds> told_pause(const HttpAnswer& answer) {
    if (const auto text = core::find_header(answer, "x-amz-retry-after")) {
        if (const auto pause = core::parse_pause(*text, 1)) return pause;
    }
    return core::retry_after(answer);
}

// What is left when the answer lacks what the repair needs.
Remedy possible(Remedy remedy, ErrorClass cls, const Told& told) {
    if (remedy == Remedy::set_clock && !told.server_time) return Remedy::none;
    if (remedy == Remedy::set_region && told.region.empty())
        return cls == ErrorClass::storage_failed ? Remedy::retry : Remedy::none;
    return remedy;
}

std::string message_of(const HttpAnswer& answer, const Told& told) {
    std::string text = "the store answered " + std::to_string(answer.status);
    if (!told.code.empty()) text += " (" + told.code + ")";
    if (answer.status >= 300 && answer.status < 400 && answer.status != 304)
        text += "; a redirection is not followed, endpoint and region must name where the bucket is";
    if (!told.message.empty()) text += ": " + told.message;
    if (!told.request_id.empty()) text += " (request " + told.request_id + ")";
    return text;
}

Failure make_failure(const HttpAnswer& answer, const ErrorRule& rule, const Told& told) {
    Failure failure{{rule.cls, message_of(answer, told)}, possible(rule.remedy, rule.cls, told), told.code};
    if (failure.code.empty()) failure.code = rule.code;
    if (failure.remedy == Remedy::retry) failure.retry_after = told_pause(answer);
    failure.server_time = told.server_time;
    failure.region = told.region;
    return failure;
}

// The <Error> of a body, also where a gateway put it into a frame.
std::optional<XmlElement> find_error(std::string_view body) {
    if (body.size() > max_error_bytes) return std::nullopt;
    auto root = parse_xml(body);
    if (!root) return std::nullopt;
    if (root->name == "Error") return root;
    const XmlElement* inner = root->name == "ErrorResponse" ? root->find("Error") : nullptr;
    return inner ? std::optional(*inner) : std::nullopt;
}

Failure failure_of_refusal(Operation operation, const HttpAnswer& answer) {
    const bool has_body = operation != Operation::head_object && !is_blank(answer.body);
    const auto error = has_body ? find_error(answer.body) : std::nullopt;
    const Told told = told_by(answer, error ? &*error : nullptr);
    if (const auto rule = rule_of_code(operation, told.code)) return make_failure(answer, *rule, told);
    ErrorRule rule = rule_of_status(operation, answer.status, !has_body);
    // Only who has to be asked elsewhere is told the region with this status.
    if (answer.status == 400 && core::find_header(answer, "x-amz-bucket-region"))
        rule = {ErrorClass::auth, Remedy::set_region};
    return make_failure(answer, rule, told);
}

// Whether a success shows what only an S3 server shows: a gateway that answers 200 to everything has stored nothing.
bool is_plausible(Operation operation, const HttpAnswer& answer) {
    switch (operation) {
        case Operation::put_object:
        case Operation::upload_part:
            return !core::find_header(answer, "etag").value_or("").empty();
        case Operation::delete_object:
        case Operation::abort_multipart:
            return is_blank(answer.body);
        case Operation::complete_multipart: {
            const auto root = parse_xml(answer.body);
            return root && root->name == "CompleteMultipartUploadResult";
        }
        default:
            return true;
    }
}

}  // namespace

Error unexpected(const HttpAnswer& answer, std::string_view what) {
    return {ErrorClass::storage_failed,
            "the store answered " + std::to_string(answer.status) + " " + std::string(what)};
}

Failure failure_within(Operation operation, const HttpAnswer& answer, const XmlElement& error) {
    const Told told = told_by(answer, &error);
    if (const auto rule = rule_of_code(operation, told.code)) return make_failure(answer, *rule, told);
    return make_failure(answer, {ErrorClass::storage_failed, Remedy::retry}, told);
}

std::optional<Failure> failure_of(Operation operation, const HttpAnswer& answer) {
    if (answer.status < 200 || answer.status > 299) return failure_of_refusal(operation, answer);
    // An object may be anything.
    if (operation == Operation::get_object) return std::nullopt;
    if (const auto error = find_error(answer.body)) return failure_within(operation, answer, *error);
    if (is_plausible(operation, answer)) return std::nullopt;
    return Failure{unexpected(answer, "without what S3 answers"), Remedy::retry, {}};
}

}  // namespace atelier::storage::s3
