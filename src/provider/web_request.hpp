#pragma once
// Requests that users make of addresses of their own: what may stand in one, and what an answer is to them. Pure.
//
//   {"method": "POST", "url": "https://..", "headers": {"Accept": ".."}, "body": {..}, "timeout_ms": 5000}
//
// url is the only member that must be there. method: GET, POST, PUT, PATCH, DELETE or HEAD; without one, GET where
// there is no body and POST where there is. body: an object or array, sent as JSON, or a text; at most 1 MB.

#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/http.hpp"
#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::provider {

inline constexpr std::size_t max_web_body_bytes = 1'000'000;  // of a request, and of an answer

// What is said of a request beside what its user says.
struct WebMarks {
    std::string idempotency_key;  // the same each time this request is made; empty: none
    std::string traceparent;      // empty: none
};

struct WebRequest {
    core::HttpRequest http;                       // its url is as it came: nobody has looked at it
    std::optional<core::Milliseconds> timeout{};  // 1 ms to 1 day
};

// invalid_request for a member that is not known or has another type; for a header that frames the message, names its
// host or carries credentials, or is no text of printable ASCII. Adds Content-Type, Idempotency-Key, traceparent and
// User-Agent where the user names none.
core::Result<WebRequest> read_web_request(const core::Json& request, const WebMarks& marks);

struct WebVerdict {
    // {"status", "headers", "body"}: of the headers those that tell of the body or of its place, in lower case; the
    // body is JSON where the answer says so, else text, and null where there is none.
    core::Result<core::Json> result;
    std::optional<core::Milliseconds> retry_after{};
};

// `place`: the host, for messages, which quote at most 300 bytes of the answer. A redirection is not followed and, like
// any other 4xx, invalid_request; 408, 425 and 429 are rate_limited with the time after which to come again, other
// failures overloaded, and a 2xx that is no text of UTF-8 or not the JSON that it says it is, invalid_output. 304 is an
// answer.
WebVerdict judge_web_answer(const core::HttpAnswer& answer, const std::string& place);

}  // namespace atelier::provider
