#include "executor/http_outcome.hpp"

#include <curl/curl.h>

#include <system_error>

#include "core/text.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;

constexpr std::size_t max_quoted_bytes = 200;

std::string within(core::Milliseconds limit) {
    return " within " + std::to_string(limit.count()) + " ms";
}

bool is_success(int status) noexcept {
    return status >= 200 && status < 300;
}

bool is_tls_failure(int curl_code) noexcept {
    switch (curl_code) {
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CRL_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_ENGINE_NOTFOUND:
        case CURLE_SSL_ENGINE_SETFAILED:
        case CURLE_SSL_ENGINE_INITFAILED:
            return true;
        default:
            return false;
    }
}

std::string reason(const TransferFacts& facts) {
    if (facts.curl_code == CURLE_COULDNT_CONNECT && facts.os_error != 0)
        return std::generic_category().message(facts.os_error);
    return ::curl_easy_strerror(static_cast<CURLcode>(facts.curl_code));
}

Error cancelled(const TransferFacts& facts) {
    return {ErrorClass::cancelled,
            facts.body_left ? "cancelled while the call was under way" : "cancelled before the request left"};
}

Error free_curl_failure(const TransferFacts& facts) {
    if (facts.refused_peer) return {ErrorClass::invalid_request, facts.host + " has an address that is not public"};
    if (is_tls_failure(facts.curl_code)) {
        return {ErrorClass::network, "no TLS connection to " + facts.host + ": " +
                                         core::to_storable_text(facts.curl_message, max_quoted_bytes)};
    }
    switch (facts.curl_code) {
        case CURLE_COULDNT_RESOLVE_HOST:
            return {ErrorClass::network, "the host name of " + facts.host + " cannot be resolved"};
        case CURLE_COULDNT_CONNECT:
            return {ErrorClass::network, "no connection to " + facts.host + ": " + reason(facts)};
        case CURLE_OPERATION_TIMEDOUT:
            return {ErrorClass::timeout, "no connection to " + facts.host + within(facts.limits.connect)};
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_LOGIN_DENIED:
            return {ErrorClass::invalid_request, "the URL is not one of http or https without a user name"};
        case CURLE_OUT_OF_MEMORY:
            return {ErrorClass::overloaded, "memory ran out before the request to " + facts.host + " left"};
        default:
            return {ErrorClass::network,
                    "the connection to " + facts.host + " broke before the request left: " + reason(facts)};
    }
}

// Nothing of the body left: whatever it was, trying again costs nothing.
Error free_failure(const TransferFacts& facts) {
    switch (facts.stop) {
        case TransferStop::connect_clock:
            return {ErrorClass::timeout, "no connection to " + facts.host + within(facts.limits.connect)};
        case TransferStop::progress_clock:
            return {ErrorClass::timeout, facts.host + " took nothing of the request" + within(facts.limits.progress)};
        case TransferStop::total_clock:
            return {ErrorClass::timeout,
                    "the request to " + facts.host + " did not leave" + within(facts.limits.total)};
        case TransferStop::bad_header:
            return {ErrorClass::invalid_request, "a header of the request to " + facts.host + " holds a line break"};
        case TransferStop::curl:
            return free_curl_failure(facts);
        default:
            return {ErrorClass::network, facts.host + " answered before the request was sent"};
    }
}

Error unknown_outcome(const std::string& what) {
    return {ErrorClass::outcome_unknown, what};
}

Error broken_answer(const TransferFacts& facts) {
    switch (facts.curl_code) {
        case CURLE_ABORTED_BY_CALLBACK:
        case CURLE_SEND_FAIL_REWIND:
            // The two ways in which curl is kept from sending a body again.
            return unknown_outcome("the connection to " + facts.host + " broke before its answer came");
        case CURLE_OK:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
            return unknown_outcome(facts.host + " closed the connection before its answer was complete");
        case CURLE_OUT_OF_MEMORY:
            return unknown_outcome("the answer of " + facts.host + " has too long a header, or memory ran out");
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY:
            return unknown_outcome("the answer of " + facts.host + " is not HTTP");
        default:
            return unknown_outcome("the connection to " + facts.host +
                                   " broke before its answer was complete: " + reason(facts));
    }
}

// The body left, or a part of it: the other side may have done the work.
Error late_failure(const TransferFacts& facts) {
    switch (facts.stop) {
        case TransferStop::connect_clock:
        case TransferStop::progress_clock:
            return unknown_outcome("no answer from " + facts.host + within(facts.limits.progress));
        case TransferStop::total_clock:
            return unknown_outcome("no answer from " + facts.host + within(facts.limits.total));
        case TransferStop::head_too_long:
            return unknown_outcome("the answer of " + facts.host + " has a header of more than " +
                                   std::to_string(facts.limits.max_header_bytes) + " bytes, or too many fields");
        case TransferStop::bad_framing:
            return unknown_outcome("the answer of " + facts.host + " has a Content-Length that is no length");
        case TransferStop::no_memory:
            return unknown_outcome("memory ran out while the answer of " + facts.host + " was read");
        default:
            return broken_answer(facts);
    }
}

Error too_long(const TransferFacts& facts) {
    return {ErrorClass::invalid_output, "the answer of " + facts.host + " is longer than " +
                                            std::to_string(facts.limits.max_body_bytes) + " bytes"};
}

}  // namespace

std::optional<Error> error_of(const TransferFacts& facts) {
    if (facts.stop == TransferStop::cancelled) return cancelled(facts);
    if (facts.stop == TransferStop::stale_connection) return free_failure(facts);
    const bool complete = facts.stop == TransferStop::curl && facts.curl_code == CURLE_OK;
    if (facts.status != 0 && (complete || !is_success(facts.status))) return std::nullopt;
    if (facts.stop == TransferStop::body_too_long) return too_long(facts);
    return facts.body_left ? late_failure(facts) : free_failure(facts);
}

}  // namespace atelier::executor
