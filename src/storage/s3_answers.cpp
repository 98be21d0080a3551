#include "storage/s3_answers.hpp"

#include <charconv>
#include <utility>

#include "core/http_fields.hpp"
#include "storage/s3_failure.hpp"
#include "storage/s3_xml.hpp"

namespace atelier::storage::s3 {
namespace {

using core::HttpAnswer;
using core::Result;

// Digits and nothing else.
std::optional<std::uint64_t> parse_size(std::string_view digits) noexcept {
    std::uint64_t size = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, failure] = std::from_chars(digits.data(), end, size);
    if (failure != std::errc() || stop != end) return std::nullopt;
    return size;
}

// Seconds since 1970 of "2026-11-21T10:00:00.000Z", whatever the fraction.
std::optional<std::int64_t> parse_time(std::string_view text) noexcept {
    constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
    if (text.size() <= form.size() || text.back() != 'Z') return std::nullopt;
    for (std::size_t at = 0; at < form.size(); ++at) {
        const bool is_digit = text[at] >= '0' && text[at] <= '9';
        if (form[at] == 'd' ? !is_digit : text[at] != form[at]) return std::nullopt;
    }
    const std::string_view fraction = text.substr(form.size(), text.size() - form.size() - 1);
    if (!fraction.empty() && (fraction.front() != '.' || !parse_size(fraction.substr(1)))) return std::nullopt;
    const auto part = [&](std::size_t at, std::size_t length) {
        return static_cast<unsigned>(parse_size(text.substr(at, length)).value_or(0));
    };
    namespace chrono = std::chrono;
    const chrono::year_month_day date{chrono::year(static_cast<int>(part(0, 4))), chrono::month(part(5, 2)),
                                      chrono::day(part(8, 2))};
    if (!date.ok() || part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 60) return std::nullopt;
    const auto time = chrono::sys_days(date) + chrono::hours(part(11, 2)) + chrono::minutes(part(14, 2)) +
                      chrono::seconds(part(17, 2));
    return chrono::duration_cast<chrono::seconds>(time.time_since_epoch()).count();
}

std::optional<std::uint64_t> header_size(const HttpAnswer& answer) {
    const auto value = core::find_header(answer, "content-length");
    return value ? parse_size(*value) : std::nullopt;
}

// The whole size of "bytes 0-4095/10000", when that range is one and has `length` bytes.
std::optional<std::uint64_t> size_of_range(std::string_view range, std::uint64_t length) {
    constexpr std::string_view unit = "bytes ";
    if (!range.starts_with(unit)) return std::nullopt;
    range.remove_prefix(unit.size());
    const std::size_t dash = range.find('-');
    const std::size_t slash = range.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
    const auto first = parse_size(range.substr(0, dash));
    const auto last = parse_size(range.substr(dash + 1, slash - dash - 1));
    const auto size = parse_size(range.substr(slash + 1));
    if (!first || !last || !size || *first > *last || *last >= *size) return std::nullopt;
    if (*last - *first + 1 != length) return std::nullopt;
    return size;
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

// What encoding-type=url means: that of a form, with '+' for a blank.
std::optional<std::string> form_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            decoded.push_back(text[at] == '+' ? ' ' : text[at]);
            continue;
        }
        const int high = at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
        const int low = high < 0 ? -1 : hex_digit(text[at + 2]);
        if (low < 0) return std::nullopt;
        decoded.push_back(static_cast<char>(high * 16 + low));
        at += 2;
    }
    return decoded;
}

// The key of an entry in a listing; nullopt when there is none. Servers that do not know encoding-type do not name it.
std::optional<std::string> listed_key(const XmlElement& listing, const XmlElement& entry) {
    const std::string_view text = entry.text_of("Key");
    auto key = listing.text_of("EncodingType") == "url" ? form_decoded(text) : std::optional(std::string(text));
    return key && key->empty() ? std::nullopt : std::move(key);
}

std::optional<XmlElement> root_named(const HttpAnswer& answer, std::string_view name) {
    auto root = parse_xml(answer.body);
    return root && root->name == name ? std::move(root) : std::nullopt;
}

}  // namespace

std::optional<ObjectFacts> object_facts(const HttpAnswer& answer) {
    const auto length = header_size(answer);
    if (!length) return std::nullopt;
    ObjectFacts facts;
    facts.size = *length;
    if (answer.status == 206) {
        const auto whole = size_of_range(core::find_header(answer, "content-range").value_or(""), *length);
        if (!whole) return std::nullopt;
        facts.size = *whole;
    }
    facts.etag = core::find_header(answer, "etag").value_or("");
    facts.sha256 = core::find_header(answer, "x-amz-meta-sha256").value_or("");
    return facts;
}

Result<std::vector<KeyFailure>> undeleted(const HttpAnswer& answer) {
    const auto root = root_named(answer, "DeleteResult");
    if (!root) return unexpected(answer, "without a DeleteResult");
    std::vector<KeyFailure> failures;
    for (const XmlElement& each : root->children) {
        if (each.name != "Error") continue;
        std::string key(each.text_of("Key"));
        if (key.empty()) return unexpected(answer, "with an error that names no key");
        failures.push_back({std::move(key), failure_within(Operation::delete_objects, answer, each)});
    }
    return failures;
}

Result<ListPage> list_page(const HttpAnswer& answer) {
    const auto root = root_named(answer, "ListBucketResult");
    if (!root) return unexpected(answer, "without a ListBucketResult");
    ListPage page;
    for (const XmlElement& each : root->children) {
        if (each.name != "Contents") continue;
        auto key = listed_key(*root, each);
        const auto size = parse_size(each.text_of("Size"));
        const auto modified = parse_time(each.text_of("LastModified"));
        if (!key || !size || !modified) return unexpected(answer, "with an object that lacks key, size or time");
        page.objects.push_back({*std::move(key), *size, *modified});
    }
    page.is_last = root->text_of("IsTruncated") != "true";
    if (!page.is_last && page.objects.empty()) return unexpected(answer, "with a listing that goes on nowhere");
    return page;
}

Result<std::string> upload_id(const HttpAnswer& answer) {
    const auto root = root_named(answer, "InitiateMultipartUploadResult");
    std::string id(root ? root->text_of("UploadId") : std::string_view{});
    if (id.empty()) return unexpected(answer, "without an UploadId");
    return id;
}

Result<std::string> part_etag(const HttpAnswer& answer) {
    std::string etag(core::find_header(answer, "etag").value_or(""));
    if (etag.empty()) return unexpected(answer, "without an ETag");
    return etag;
}

Result<std::vector<ListedUpload>> listed_uploads(const HttpAnswer& answer) {
    const auto root = root_named(answer, "ListMultipartUploadsResult");
    if (!root) return unexpected(answer, "without a ListMultipartUploadsResult");
    std::vector<ListedUpload> uploads;
    for (const XmlElement& each : root->children) {
        if (each.name != "Upload") continue;
        auto key = listed_key(*root, each);
        std::string upload(each.text_of("UploadId"));
        if (!key || upload.empty()) return unexpected(answer, "with an upload that lacks key or id");
        uploads.push_back({*std::move(key), std::move(upload)});
    }
    return uploads;
}

}  // namespace atelier::storage::s3
