#include "executor/http_outcome.hpp"

#include <curl/curl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace atelier::executor {
namespace {

using core::ErrorClass;
using Stop = TransferStop;

constexpr const char* a_reply = "reply";

struct Case {
    Stop stop;
    int curl_code;
    bool body_left;
    int status;
    const char* expected;  // an error class, or "reply"
    const char* words;     // in the message
};

TransferFacts facts_of(const Case& c) {
    TransferFacts facts;
    facts.stop = c.stop;
    facts.curl_code = c.curl_code;
    facts.os_error = ECONNREFUSED;
    facts.curl_message = "certificate has expired";
    facts.host = "api.test:8443";
    facts.body_left = c.body_left;
    facts.status = c.status;
    facts.limits.max_body_bytes = 77;
    return facts;
}

class HttpOutcome : public testing::TestWithParam<Case> {};

TEST_P(HttpOutcome, IsWhatTheFactsSay) {
    const Case& c = GetParam();
    const auto error = error_of(facts_of(c));
    ASSERT_EQ(error ? std::string(core::to_string(error->cls)) : a_reply, c.expected)
        << (error ? error->message : "") << " status " << c.status << " code " << c.curl_code;
    if (!error) return;
    EXPECT_NE(error->message.find(c.words), std::string::npos) << error->message;
}

const Case complete[] = {
    {Stop::curl, CURLE_OK, true, 200, a_reply, ""},
    {Stop::curl, CURLE_OK, true, 204, a_reply, ""},
    {Stop::curl, CURLE_OK, true, 307, a_reply, ""},
    {Stop::curl, CURLE_OK, true, 429, a_reply, ""},
    {Stop::curl, CURLE_OK, true, 600, a_reply, ""},
    {Stop::curl, CURLE_OK, true, 99, a_reply, ""},
    {Stop::curl, CURLE_OK, false, 401, a_reply, ""},
    {Stop::curl, CURLE_OK, true, 0, "outcome_unknown", "closed the connection"},
};

// What a status other than 2xx says stands, however its body ended.
const Case refused[] = {
    {Stop::curl, CURLE_PARTIAL_FILE, true, 503, a_reply, ""},
    {Stop::curl, CURLE_RECV_ERROR, true, 429, a_reply, ""},
    {Stop::curl, CURLE_SEND_ERROR, true, 413, a_reply, ""},
    {Stop::curl, CURLE_SEND_ERROR, false, 401, a_reply, ""},
    {Stop::progress_clock, CURLE_OK, true, 500, a_reply, ""},
    {Stop::total_clock, CURLE_OK, true, 500, a_reply, ""},
    {Stop::body_too_long, CURLE_WRITE_ERROR, true, 500, a_reply, ""},
    {Stop::head_too_long, CURLE_WRITE_ERROR, true, 400, a_reply, ""},
    {Stop::no_memory, CURLE_WRITE_ERROR, true, 400, a_reply, ""},
};

const Case free_failures[] = {
    {Stop::curl, CURLE_COULDNT_RESOLVE_HOST, false, 0, "network", "api.test:8443 cannot be resolved"},
    {Stop::curl, CURLE_COULDNT_CONNECT, false, 0, "network", "Connection refused"},
    {Stop::curl, CURLE_OPERATION_TIMEDOUT, false, 0, "timeout", "within 10000 ms"},
    {Stop::curl, CURLE_PEER_FAILED_VERIFICATION, false, 0, "network", "certificate has expired"},
    {Stop::curl, CURLE_SSL_CONNECT_ERROR, false, 0, "network", "TLS"},
    {Stop::curl, CURLE_SEND_ERROR, false, 0, "network", "before the request left"},
    {Stop::curl, CURLE_RECV_ERROR, false, 0, "network", "before the request left"},
    {Stop::curl, CURLE_GOT_NOTHING, false, 0, "network", "before the request left"},
    {Stop::curl, CURLE_RECV_ERROR, false, 200, "network", "before the request left"},
    {Stop::curl, CURLE_URL_MALFORMAT, false, 0, "invalid_request", "URL"},
    {Stop::curl, CURLE_UNSUPPORTED_PROTOCOL, false, 0, "invalid_request", "URL"},
    {Stop::curl, CURLE_LOGIN_DENIED, false, 0, "invalid_request", "URL"},
    {Stop::curl, CURLE_OUT_OF_MEMORY, false, 0, "overloaded", "memory"},
    {Stop::bad_header, CURLE_OK, false, 0, "invalid_request", "line break"},
    {Stop::connect_clock, CURLE_OK, false, 0, "timeout", "no connection to api.test:8443 within 10000 ms"},
    {Stop::progress_clock, CURLE_OK, false, 0, "timeout", "within 180000 ms"},
    {Stop::total_clock, CURLE_OK, false, 0, "timeout", "within 600000 ms"},
    {Stop::stale_connection, CURLE_WRITE_ERROR, false, 0, "network", "answered before"},
    {Stop::cancelled, CURLE_OK, false, 0, "cancelled", "before the request left"},
};

const Case late_failures[] = {
    {Stop::curl, CURLE_GOT_NOTHING, true, 0, "outcome_unknown", "closed the connection"},
    {Stop::curl, CURLE_PARTIAL_FILE, true, 200, "outcome_unknown", "closed the connection"},
    {Stop::curl, CURLE_RECV_ERROR, true, 200, "outcome_unknown", "broke"},
    {Stop::curl, CURLE_SEND_ERROR, true, 0, "outcome_unknown", "broke"},
    {Stop::curl, CURLE_SEND_FAIL_REWIND, true, 0, "outcome_unknown", "broke"},
    {Stop::curl, CURLE_ABORTED_BY_CALLBACK, true, 0, "outcome_unknown", "broke"},
    {Stop::curl, CURLE_COULDNT_CONNECT, true, 0, "outcome_unknown", "broke"},
    {Stop::curl, CURLE_OPERATION_TIMEDOUT, true, 0, "outcome_unknown", "broke"},
    {Stop::curl, CURLE_UNSUPPORTED_PROTOCOL, true, 0, "outcome_unknown", "not HTTP"},
    {Stop::curl, CURLE_WEIRD_SERVER_REPLY, true, 0, "outcome_unknown", "not HTTP"},
    {Stop::curl, CURLE_OUT_OF_MEMORY, true, 0, "outcome_unknown", "header"},
    {Stop::progress_clock, CURLE_OK, true, 0, "outcome_unknown", "no answer from api.test:8443 within 180000 ms"},
    {Stop::progress_clock, CURLE_OK, true, 200, "outcome_unknown", "within 180000 ms"},
    {Stop::total_clock, CURLE_OK, true, 200, "outcome_unknown", "within 600000 ms"},
    {Stop::head_too_long, CURLE_WRITE_ERROR, true, 200, "outcome_unknown", "65536 bytes"},
    {Stop::bad_framing, CURLE_WRITE_ERROR, true, 200, "outcome_unknown", "Content-Length"},
    {Stop::no_memory, CURLE_WRITE_ERROR, true, 200, "outcome_unknown", "memory"},
    {Stop::body_too_long, CURLE_WRITE_ERROR, true, 200, "invalid_output", "longer than 77 bytes"},
};

INSTANTIATE_TEST_SUITE_P(Complete, HttpOutcome, testing::ValuesIn(complete));
INSTANTIATE_TEST_SUITE_P(Refused, HttpOutcome, testing::ValuesIn(refused));
INSTANTIATE_TEST_SUITE_P(Free, HttpOutcome, testing::ValuesIn(free_failures));
INSTANTIATE_TEST_SUITE_P(Late, HttpOutcome, testing::ValuesIn(late_failures));

TEST(HttpOutcomeOf, ACancelledCallSaysWhatIsKnownOfIt) {
    for (const int status : {0, 200, 500}) {
        const auto error = error_of(facts_of({Stop::cancelled, CURLE_OK, true, status, "", ""}));
        ASSERT_TRUE(error);
        EXPECT_EQ(error->cls, ErrorClass::cancelled);
        EXPECT_EQ(error->message, "cancelled while the call was under way");
    }
}

// Whatever else went wrong with the other addresses.
TEST(HttpOutcomeOf, ARefusedAddressIsFinal) {
    for (const int code : {CURLE_COULDNT_CONNECT, CURLE_ABORTED_BY_CALLBACK, CURLE_PEER_FAILED_VERIFICATION}) {
        TransferFacts facts = facts_of({Stop::curl, code, false, 0, "", ""});
        EXPECT_EQ(error_of(facts)->cls, ErrorClass::network);
        facts.refused_peer = true;
        EXPECT_EQ(error_of(facts)->cls, ErrorClass::invalid_request);
    }
}

// Whatever curl says: with the body gone it is never a free failure, without it never an unknown outcome.
TEST(HttpOutcomeOf, EveryCurlCodeIsFreeOrUnknownAsTheBodySays) {
    for (int code = 1; code < CURL_LAST; ++code) {
        const auto unknown = error_of(facts_of({Stop::curl, code, true, 0, "", ""}));
        ASSERT_TRUE(unknown);
        EXPECT_EQ(unknown->cls, ErrorClass::outcome_unknown) << code;
        const auto free = error_of(facts_of({Stop::curl, code, false, 0, "", ""}));
        ASSERT_TRUE(free);
        EXPECT_NE(free->cls, ErrorClass::outcome_unknown) << code;
    }
}

}  // namespace
}  // namespace atelier::executor
