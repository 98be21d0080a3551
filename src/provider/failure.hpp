#pragma once
// Answers that are errors: what both kinds have in common.

#include <string>
#include <string_view>

#include "core/json.hpp"
#include "core/result.hpp"
#include "provider/answer_body.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {

// An error as providers and gateways write it: {"error":{"message","code","status","type","details"}}, the same within
// an array, {"error":"text"}, {"message":"text"}, {"detail":"text"}; or no JSON at all.
struct ErrorBody {
    bool present = false;  // an "error" that is not null
    int code = 0;          // 100 to 599, if `code` or `status` is such a number
    std::string word;      // "RESOURCE_EXHAUSTED", "insufficient_quota"; letters, digits, and _ - . only
    std::string type;      // "invalid_request_error"; likewise
    std::string message;   // as it came; may be empty
    core::Json details;    // an array, or null

    // Whether word or type is this one, given in lower case; in any case.
    bool is(std::string_view name) const;
};

ErrorBody read_error_body(const AnswerBody& answer);
// Of bytes that may be anything.
ErrorBody read_error_body(std::string_view bytes);

// The class that a status has by itself; 200 to 299 is no failure, and `overloaded` here, as an error within a 200.
core::ErrorClass class_of_status(int status) noexcept;

bool is_success(int status) noexcept;

// "the provider answered 429 (RESOURCE_EXHAUSTED): You exceeded ...". `hint` follows the word.
core::Error provider_error(core::ErrorClass cls, int status, const ErrorBody& body, std::string_view hint = "");

// What the operator can do about a status; empty, or text that starts with a semicolon.
std::string_view hint_of_status(int status) noexcept;

// Whether waiting helps: rate_limited, overloaded, timeout.
bool may_pause(core::ErrorClass cls) noexcept;

// Says what stands in a 2xx in the place of JSON, from the error of AnswerBody::parse().
core::Error unreadable(const HttpAnswer& answer, const core::Error& error);

// At most 300 bytes of foreign text, storable, without blanks at its ends. What quotes puts it last: a message that is
// cut within an echoed key shows only the beginning of the key, which core::redact() finds.
std::string quote(std::string_view text);

// Whether `text` has `what` (lower case), in any case. ASCII.
bool mentions(std::string_view text, std::string_view what);

// A verdict that is an error and nothing else.
Verdict failed(core::Error error, std::optional<core::Milliseconds> retry_after = std::nullopt);

}  // namespace atelier::provider
