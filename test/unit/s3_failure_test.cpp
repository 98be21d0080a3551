// What is told of an error of an S3 server, and what is none.

#include <gtest/gtest.h>

#include "s3_judged.hpp"

namespace atelier::storage::s3 {
namespace {

using namespace std::chrono_literals;
using core::ErrorClass;
using core::Milliseconds;

std::string message(int status, std::string_view body, const Headers& headers = {}) {
    const auto failure = judged(put, status, body, headers);
    return failure ? failure->error.message : "";
}

TEST(S3Failure, TheTimeOfTheServer) {
    const WallTime of_header = std::chrono::sys_days(2026y / 11 / 21) + 10h;
    const WallTime of_body = std::chrono::sys_days(2009y / 11 / 18) + 59min + 21s;
    const auto told = [](const std::string& time, const Headers& headers) {
        return judged(put, 403, error_body("RequestTimeTooSkewed", "<ServerTime>" + time + "</ServerTime>"), headers)
            ->server_time;
    };
    EXPECT_EQ(told("2009-11-18T00:59:21Z", dated), of_body);
    EXPECT_EQ(told("2009-11-18T00:59:21.123Z", {}), of_body);
    EXPECT_EQ(told("yesterday", dated), of_header);
    EXPECT_EQ(told("2009-02-30T00:59:21Z", dated), of_header);
    EXPECT_EQ(told("2009-11-18T00:59:21", dated), of_header);
    EXPECT_EQ(told("", {{"date", "yesterday"}}), std::nullopt);
    // HEAD has no body that could say why; whoever made the request compares the clocks.
    EXPECT_EQ(judged(head, 403, "", dated)->server_time, of_header);
}

TEST(S3Failure, TheRegionOfTheBucket) {
    const std::string body = error_body("AuthorizationHeaderMalformed", "<Region>us-west-2</Region>");
    EXPECT_EQ(judged(put, 400, body)->region, "us-west-2");
    EXPECT_EQ(judged(put, 400, body, of_region)->region, "eu-central-1");
    for (const std::string bad : {"a/b", "a b", "a\n", ""}) {
        EXPECT_EQ(judged(put, 400, error_body("AuthorizationHeaderMalformed", "<Region>" + bad + "</Region>"))->region,
                  "");
        EXPECT_EQ(judged(head, 301, "", {{"x-amz-bucket-region", bad}})->remedy, Remedy::none);
    }
}

TEST(S3Failure, HowLongToWait) {
    const auto pause = [](int status, const Headers& headers) { return judged(put, status, "", headers)->retry_after; };
    EXPECT_EQ(pause(503, {{"retry-after", "7"}}), Milliseconds(7000));
    EXPECT_EQ(pause(429, {{"x-amz-retry-after", "1500"}, {"retry-after", "7"}}), Milliseconds(1500));
    EXPECT_EQ(pause(503, {{"x-amz-retry-after", "soon"}, {"retry-after", "7"}}), Milliseconds(7000));
    EXPECT_EQ(pause(503, {{"retry-after", "99999999999"}}), Milliseconds(24h));
    EXPECT_EQ(pause(503, {}), std::nullopt);
    EXPECT_EQ(pause(403, {{"retry-after", "7"}}), std::nullopt);
}

TEST(S3Failure, MessagesSayWhatTheServerSaid) {
    EXPECT_EQ(message(503, error_body("SlowDown", "<Message>Please reduce your request rate.</Message>"),
                      {{"x-amz-request-id", "0A1B2C3D4E5F6071"}}),
              "the store answered 503 (SlowDown): Please reduce your request rate (request 0A1B2C3D4E5F6071)");
    EXPECT_EQ(message(403, error_body("AccessDenied", "<RequestId>tx0-1-default</RequestId>")),
              "the store answered 403 (AccessDenied) (request tx0-1-default)");
    EXPECT_EQ(message(502, page), "the store answered 502");
    EXPECT_EQ(
        message(301, ""),
        "the store answered 301; a redirection is not followed, endpoint and region must name where the bucket is");
    EXPECT_EQ(message(500, error_body("InternalError", "<Message>a\n\x01\xFF&#7;b</Message>")),
              "the store answered 500 (InternalError): a  \xEF\xBF\xBD b");
    EXPECT_EQ(message(403, error_body("a b", "<RequestId>a b</RequestId>")), "the store answered 403");
    const std::string framed = "<ErrorResponse><Error><Code>SlowDown</Code></Error></ErrorResponse>";
    EXPECT_EQ(message(503, framed), "the store answered 503 (SlowDown)");
}

TEST(S3Failure, MessagesAreCut) {
    std::string words;
    while (words.size() < 1000)
        words += "word ";
    const std::string said = message(500, error_body("InternalError", "<Message>" + words + "</Message>"));
    EXPECT_LE(said.size(), 300 + std::string("the store answered 500 (InternalError): ").size());
    EXPECT_GE(said.size(), 300U);
}

// In two pieces, since the whole looks like somebody's key.
const std::string key_id = std::string("AKIA") + "IOSFODNN7EXAMPLE";
const std::string signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";

TEST(S3Failure, MessagesNameNoKeyAndNoAddress) {
    const std::string body = error_body(
        "SignatureDoesNotMatch", "<Message>Key " + key_id + ", sent to https://u:p@h/b/k?X-Amz-Signature=" + signature +
                                     " with (" + signature + ") for \"a/b.png\"</Message><AWSAccessKeyId>" + key_id +
                                     "</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256 secret</StringToSign>"
                                     "<SignatureProvided>" +
                                     signature + "</SignatureProvided>");
    EXPECT_EQ(message(403, body),
              "the store answered 403 (SignatureDoesNotMatch): Key [redacted], sent to [address] with ([redacted]) for "
              "\"a/b.png\"");
}

// Wherever the end of what is quoted falls.
TEST(S3Failure, NoBeginningOfAKeyIsLeftAtTheCut) {
    for (std::size_t before = 200; before < 320; ++before) {
        const std::string text = std::string(before, '.') + " " + key_id + " " + signature;
        const std::string said = message(403, error_body("AccessDenied", "<Message>" + text + "</Message>"));
        EXPECT_EQ(said.find("AKIA"), std::string::npos) << said;
        EXPECT_EQ(said.find(signature.substr(0, 8)), std::string::npos) << said;
    }
}

TEST(S3Failure, SuccessIsNone) {
    const Headers etag{{"etag", "\"e\""}};
    EXPECT_FALSE(judged(put, 200, "", etag));
    EXPECT_FALSE(judged(Operation::upload_part, 200, "", etag));
    EXPECT_FALSE(judged(get, 206, error_body("InternalError")));  // an object may be anything
    EXPECT_FALSE(judged(head, 200, ""));
    EXPECT_FALSE(judged(Operation::delete_object, 204, ""));
    EXPECT_FALSE(judged(Operation::abort_multipart, 204, ""));
    EXPECT_FALSE(judged(Operation::delete_objects, 200, "<DeleteResult/>"));
    EXPECT_FALSE(judged(Operation::complete_multipart, 200,
                        "  \n \n<?xml version=\"1.0\"?>\n<CompleteMultipartUploadResult><ETag>e</ETag>"
                        "</CompleteMultipartUploadResult>"));
}

TEST(S3Failure, AnErrorWithinASuccess) {
    for (const Operation operation :
         {put, Operation::upload_part, Operation::delete_object, Operation::delete_objects, Operation::list_objects,
          Operation::create_multipart, Operation::complete_multipart, Operation::list_multipart}) {
        const auto slow = judged(operation, 200, " \r\n " + error_body("SlowDown"), {{"etag", "e"}});
        ASSERT_TRUE(slow);
        EXPECT_EQ(slow->code, "SlowDown");
        EXPECT_EQ(slow->remedy, Remedy::retry);
        EXPECT_EQ(judged(operation, 200, error_body("SomethingNew"))->remedy, Remedy::retry);
        EXPECT_EQ(judged(operation, 200, error_body("AccessDenied"))->error.cls, ErrorClass::auth);
    }
}

TEST(S3Failure, ASuccessThatNoS3ServerAnswers) {
    const std::string truncated = "<CompleteMultipartUploadResult><ETag>";
    for (const std::string& body :
         {std::string(), std::string("  \n"), page, truncated, std::string("<DeleteResult/>")}) {
        const auto failure = judged(Operation::complete_multipart, 200, body);
        ASSERT_TRUE(failure) << body;
        EXPECT_EQ(failure->error.cls, ErrorClass::storage_failed);
        EXPECT_EQ(failure->remedy, Remedy::retry);
    }
    EXPECT_EQ(judged(put, 200, page)->remedy, Remedy::retry);
    EXPECT_EQ(judged(put, 200, "")->remedy, Remedy::retry);
    EXPECT_EQ(judged(Operation::upload_part, 200, "", {{"etag", ""}})->remedy, Remedy::retry);
    EXPECT_EQ(judged(Operation::delete_object, 200, page)->remedy, Remedy::retry);
    EXPECT_EQ(judged(Operation::abort_multipart, 200, page)->remedy, Remedy::retry);
}

TEST(S3Failure, CutAtAnyByteItIsJudgedByItsStatus) {
    const std::string whole = error_body("SlowDown", "<Message>a</Message><Region>r</Region>");
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto failure = judged(put, 503, std::string_view(whole).substr(0, length));
        ASSERT_TRUE(failure);
        EXPECT_EQ(failure->error.cls, ErrorClass::overloaded) << length;
        EXPECT_TRUE(judged(Operation::complete_multipart, 200, std::string_view(whole).substr(0, length)));
    }
}

}  // namespace
}  // namespace atelier::storage::s3
