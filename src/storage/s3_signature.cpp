#include "storage/s3_signature.hpp"

#include <algorithm>
#include <cstdio>

#include "core/hmac.hpp"
#include "core/sha256.hpp"

namespace atelier::storage::s3 {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

// Of a moment, as they are signed.
struct Stamp {
    std::string day;     // 20130524
    std::string moment;  // 20130524T000000Z
};

Stamp stamp_of(WallTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    char text[64];
    std::snprintf(text, sizeof text, "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    const std::string moment(text);
    return {moment.substr(0, moment.find('T')), moment};
}

std::string scope_of(const Stamp& stamp, const Bucket& bucket) {
    return stamp.day + "/" + bucket.region + "/s3/aws4_request";
}

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text.append({digits[byte >> 4], digits[byte & 15]});
    }
    return text;
}

// Without blanks at its ends, and inside one for each run of them.
std::string squeezed(std::string_view value) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    std::string text;
    for (const char c : value) {
        if (!is_blank(c))
            text.push_back(c);
        else if (!text.empty() && text.back() != ' ')
            text.push_back(' ');
    }
    if (text.ends_with(' ')) text.pop_back();
    return text;
}

struct SignedHeaders {
    std::string lines;  // "name:value\n" of each
    std::string names;  // "host;x-amz-date"
};

SignedHeaders signed_headers(Fields headers) {
    std::stable_sort(headers.begin(), headers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    SignedHeaders result;
    std::string_view previous;
    for (const auto& [name, value] : headers) {
        if (name == previous) {
            result.lines.back() = ',';
        } else {
            result.lines += name + ":";
            if (!result.names.empty()) result.names += ";";
            result.names += name;
        }
        result.lines += squeezed(value) + "\n";
        previous = name;
    }
    return result;
}

std::string canonical_request(const SigningInput& input, const Fields& query, const SignedHeaders& headers) {
    std::string text(input.method);
    text.append("\n").append(input.url.path);
    text.append("\n").append(canonical_query(query));
    text.append("\n").append(headers.lines);
    text.append("\n").append(headers.names);
    return text.append("\n").append(input.payload_hash);
}

std::string signature_of(const std::string& request, const Stamp& stamp, const Bucket& bucket,
                         const Credentials& credentials) {
    std::string text(algorithm);
    text.append("\n").append(stamp.moment);
    text.append("\n").append(scope_of(stamp, bucket));
    text.append("\n").append(core::sha256_hex(request));

    std::string key = core::hmac_sha256("AWS4" + credentials.secret_access_key, stamp.day);
    key = core::hmac_sha256(key, bucket.region);
    key = core::hmac_sha256(key, "s3");
    key = core::hmac_sha256(key, "aws4_request");
    return hex(core::hmac_sha256(key, text));
}

}  // namespace

std::string canonical_query(const Fields& query) {
    Fields encoded;
    for (const auto& [name, value] : query)
        encoded.emplace_back(percent_encode(name, false), percent_encode(value, false));
    std::sort(encoded.begin(), encoded.end());
    std::string text;
    for (const auto& [name, value] : encoded) {
        if (!text.empty()) text += "&";
        text.append(name).append("=").append(value);
    }
    return text;
}

Fields sign_headers(const SigningInput& input, const Bucket& bucket, const Credentials& credentials, WallTime time) {
    const Stamp stamp = stamp_of(time);
    Fields added{{"x-amz-content-sha256", std::string(input.payload_hash)}, {"x-amz-date", stamp.moment}};
    if (!credentials.session_token.empty()) added.emplace_back("x-amz-security-token", credentials.session_token);

    Fields all = input.headers;
    all.insert(all.end(), added.begin(), added.end());
    all.emplace_back("host", input.url.host);
    const SignedHeaders headers = signed_headers(std::move(all));
    const std::string request = canonical_request(input, input.query, headers);

    std::string authorization(algorithm);
    authorization.append(" Credential=").append(credentials.access_key_id).append("/").append(scope_of(stamp, bucket));
    authorization.append(", SignedHeaders=").append(headers.names);
    authorization.append(", Signature=").append(signature_of(request, stamp, bucket, credentials));
    added.emplace(added.begin(), "authorization", std::move(authorization));
    return added;
}

std::string presign(const SigningInput& input, const Bucket& bucket, const Credentials& credentials, WallTime time,
                    std::uint32_t expires) {
    const Stamp stamp = stamp_of(time);
    Fields fields = input.headers;
    fields.emplace_back("host", input.url.host);
    const SignedHeaders headers = signed_headers(std::move(fields));

    Fields query = input.query;
    query.emplace_back("X-Amz-Algorithm", algorithm);
    query.emplace_back("X-Amz-Credential", credentials.access_key_id + "/" + scope_of(stamp, bucket));
    query.emplace_back("X-Amz-Date", stamp.moment);
    query.emplace_back("X-Amz-Expires", std::to_string(expires));
    if (!credentials.session_token.empty()) query.emplace_back("X-Amz-Security-Token", credentials.session_token);
    query.emplace_back("X-Amz-SignedHeaders", headers.names);

    const std::string request = canonical_request(input, query, headers);
    return input.url.origin + input.url.path + "?" + canonical_query(query) +
           "&X-Amz-Signature=" + signature_of(request, stamp, bucket, credentials);
}

}  // namespace atelier::storage::s3
