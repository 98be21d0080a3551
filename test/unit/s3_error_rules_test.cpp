// What each code and each status of an S3 server means.

#include <gtest/gtest.h>

#include "s3_judged.hpp"

namespace atelier::storage::s3 {
namespace {

using core::ErrorClass;

struct Row {
    int status;
    std::string code;
    ErrorClass cls;
    Remedy remedy;
    Operation operation = put;
    Headers headers = {};
    std::string more = {};  // within the <Error>
};

class S3ErrorCodes : public testing::TestWithParam<Row> {};

TEST_P(S3ErrorCodes, Decide) {
    const Row& row = GetParam();
    const auto failure = judged(row.operation, row.status, error_body(row.code, row.more), row.headers);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->code, row.code);
    EXPECT_EQ(core::to_string(failure->error.cls), core::to_string(row.cls)) << row.code;
    EXPECT_EQ(failure->remedy, row.remedy) << row.code;
    EXPECT_NE(failure->error.message.find("(" + row.code + ")"), std::string::npos) << failure->error.message;
}

const Row code_rows[] = {
    {500, "InternalError", ErrorClass::overloaded, Remedy::retry},
    {503, "ServiceUnavailable", ErrorClass::overloaded, Remedy::retry},
    {503, "SlowDown", ErrorClass::rate_limited, Remedy::retry},
    {429, "SlowDown", ErrorClass::rate_limited, Remedy::retry},
    {503, "SlowDownWrite", ErrorClass::rate_limited, Remedy::retry},
    {400, "Throttling", ErrorClass::rate_limited, Remedy::retry},
    {400, "ThrottlingException", ErrorClass::rate_limited, Remedy::retry},
    {400, "RequestThrottled", ErrorClass::rate_limited, Remedy::retry},
    {429, "TooManyRequests", ErrorClass::rate_limited, Remedy::retry},
    {503, "RequestLimitExceeded", ErrorClass::rate_limited, Remedy::retry},
    {509, "BandwidthLimitExceeded", ErrorClass::rate_limited, Remedy::retry},
    {400, "RequestTimeout", ErrorClass::storage_failed, Remedy::retry},
    {409, "OperationAborted", ErrorClass::storage_failed, Remedy::retry},
    {409, "ConditionalRequestConflict", ErrorClass::storage_failed, Remedy::retry},
    {409, "ConditionalRequestConflict", ErrorClass::storage_failed, Remedy::restart, Operation::complete_multipart},
    {403, "QuotaExceeded", ErrorClass::storage_failed, Remedy::retry},

    {403, "RequestTimeTooSkewed", ErrorClass::auth, Remedy::set_clock, put, dated},
    {403, "RequestTimeTooSkewed", ErrorClass::auth, Remedy::none},
    {403, "RequestExpired", ErrorClass::auth, Remedy::set_clock, get, dated},
    {403, "RequestInTheFuture", ErrorClass::auth, Remedy::set_clock, get, dated},
    {400, "AuthorizationHeaderMalformed", ErrorClass::auth, Remedy::set_region, put, {}, "<Region>auto</Region>"},
    {400, "AuthorizationHeaderMalformed", ErrorClass::auth, Remedy::set_region, put, of_region},
    {400, "AuthorizationHeaderMalformed", ErrorClass::auth, Remedy::none},
    {400, "IllegalLocationConstraintException", ErrorClass::auth, Remedy::set_region, put, of_region},
    {301, "PermanentRedirect", ErrorClass::auth, Remedy::set_region, get, of_region},
    {301, "PermanentRedirect", ErrorClass::auth, Remedy::none},
    {307, "TemporaryRedirect", ErrorClass::storage_failed, Remedy::set_region, put, of_region},
    {307, "TemporaryRedirect", ErrorClass::storage_failed, Remedy::retry},
    {400, "ExpiredToken", ErrorClass::auth, Remedy::refresh},
    {400, "TokenRefreshRequired", ErrorClass::auth, Remedy::refresh},
    {400, "BadDigest", ErrorClass::storage_failed, Remedy::send_again},
    {400, "IncompleteBody", ErrorClass::storage_failed, Remedy::send_again},
    {400, "XAmzContentSHA256Mismatch", ErrorClass::storage_failed, Remedy::send_again},
    {404, "NoSuchUpload", ErrorClass::storage_failed, Remedy::restart, Operation::upload_part},
    {404, "NoSuchUpload", ErrorClass::storage_failed, Remedy::restart, Operation::complete_multipart},
    {404, "NoSuchUpload", ErrorClass::invalid_request, Remedy::none, Operation::abort_multipart},

    {403, "AccessDenied", ErrorClass::auth, Remedy::none},
    {403, "AccountProblem", ErrorClass::auth, Remedy::none},
    {403, "AllAccessDisabled", ErrorClass::auth, Remedy::none},
    {400, "CredentialsNotSupported", ErrorClass::auth, Remedy::none},
    {403, "InvalidAccessKeyId", ErrorClass::auth, Remedy::none},
    {400, "InvalidBucketName", ErrorClass::auth, Remedy::none},
    {403, "InvalidSecurity", ErrorClass::auth, Remedy::none},
    {400, "InvalidToken", ErrorClass::auth, Remedy::none},
    {404, "NoSuchBucket", ErrorClass::auth, Remedy::none},
    {404, "NoSuchBucket", ErrorClass::auth, Remedy::none, get},
    {403, "NotSignedUp", ErrorClass::auth, Remedy::none},
    {403, "SignatureDoesNotMatch", ErrorClass::auth, Remedy::none, put, dated},
    {401, "Unauthorized", ErrorClass::auth, Remedy::none},
    {403, "UserSuspended", ErrorClass::auth, Remedy::none},

    {400, "EntityTooLarge", ErrorClass::invalid_request, Remedy::none},
    {400, "EntityTooSmall", ErrorClass::invalid_request, Remedy::none, Operation::complete_multipart},
    {400, "InvalidArgument", ErrorClass::invalid_request, Remedy::none},
    {400, "InvalidDigest", ErrorClass::invalid_request, Remedy::none},
    {403, "InvalidObjectState", ErrorClass::invalid_request, Remedy::none, get},
    {400, "InvalidPart", ErrorClass::invalid_request, Remedy::none, Operation::complete_multipart},
    {400, "InvalidPartOrder", ErrorClass::invalid_request, Remedy::none, Operation::complete_multipart},
    {416, "InvalidRange", ErrorClass::invalid_request, Remedy::none, get},
    {400, "InvalidRequest", ErrorClass::invalid_request, Remedy::none},
    {400, "KeyTooLong", ErrorClass::invalid_request, Remedy::none},
    {400, "KeyTooLongError", ErrorClass::invalid_request, Remedy::none},
    {400, "MalformedXML", ErrorClass::invalid_request, Remedy::none, Operation::delete_objects},
    {400, "MetadataTooLarge", ErrorClass::invalid_request, Remedy::none},
    {405, "MethodNotAllowed", ErrorClass::invalid_request, Remedy::none},
    {411, "MissingContentLength", ErrorClass::invalid_request, Remedy::none},
    {404, "NoSuchKey", ErrorClass::invalid_request, Remedy::none, get},
    {501, "NotImplemented", ErrorClass::invalid_request, Remedy::not_supported},
    {501, "NotImplemented", ErrorClass::invalid_request, Remedy::not_supported, Operation::complete_multipart},
    {501, "NotImplemented", ErrorClass::invalid_request, Remedy::none, get},
    {412, "PreconditionFailed", ErrorClass::invalid_request, Remedy::none},

    // What nobody knows is judged by its status.
    {403, "SomethingNew", ErrorClass::auth, Remedy::none},
    {400, "SomethingNew", ErrorClass::invalid_request, Remedy::none},
    {400, "SomethingNew", ErrorClass::auth, Remedy::set_region, put, of_region},
    {404, "SomethingNew", ErrorClass::storage_failed, Remedy::retry, get},
    {503, "SomethingNew", ErrorClass::overloaded, Remedy::retry},
    {507, "XMinioStorageFull", ErrorClass::storage_failed, Remedy::retry},
};
INSTANTIATE_TEST_SUITE_P(Rows, S3ErrorCodes, testing::ValuesIn(code_rows));

struct StatusRow {
    Operation operation;
    int status;
    ErrorClass cls;
    Remedy remedy;
    std::string code = {};
    std::string body = {};
    Headers headers = {};
};

class S3ErrorStatus : public testing::TestWithParam<StatusRow> {};

TEST_P(S3ErrorStatus, DecidesWithoutACode) {
    const StatusRow& row = GetParam();
    const auto failure = judged(row.operation, row.status, row.body, row.headers);
    ASSERT_TRUE(failure);
    EXPECT_EQ(core::to_string(failure->error.cls), core::to_string(row.cls)) << row.status;
    EXPECT_EQ(failure->remedy, row.remedy) << row.status;
    EXPECT_EQ(failure->code, row.code);
}

const StatusRow status_rows[] = {
    {head, 404, ErrorClass::invalid_request, Remedy::none, "NoSuchKey"},
    {head, 403, ErrorClass::auth, Remedy::none},
    {head, 400, ErrorClass::storage_failed, Remedy::refresh},
    {head, 400, ErrorClass::auth, Remedy::set_region, "", "", of_region},
    {head, 301, ErrorClass::auth, Remedy::set_region, "", "", of_region},
    {head, 301, ErrorClass::auth, Remedy::none},
    {head, 503, ErrorClass::overloaded, Remedy::retry},
    {head, 412, ErrorClass::invalid_request, Remedy::none, "PreconditionFailed"},
    {get, 404, ErrorClass::invalid_request, Remedy::none, "NoSuchKey"},
    {get, 404, ErrorClass::storage_failed, Remedy::retry, "", page},
    {get, 412, ErrorClass::invalid_request, Remedy::none, "PreconditionFailed"},
    {get, 304, ErrorClass::storage_failed, Remedy::none},
    {get, 416, ErrorClass::invalid_request, Remedy::none},
    {Operation::delete_object, 404, ErrorClass::invalid_request, Remedy::none, "NoSuchKey"},
    {Operation::delete_object, 404, ErrorClass::storage_failed, Remedy::retry, "", page},
    {Operation::upload_part, 404, ErrorClass::storage_failed, Remedy::restart, "NoSuchUpload"},
    {Operation::complete_multipart, 404, ErrorClass::storage_failed, Remedy::restart, "NoSuchUpload"},
    {Operation::abort_multipart, 404, ErrorClass::invalid_request, Remedy::none, "NoSuchUpload"},
    {Operation::list_objects, 404, ErrorClass::storage_failed, Remedy::retry},
    {put, 404, ErrorClass::storage_failed, Remedy::retry},
    {put, 304, ErrorClass::invalid_request, Remedy::none, "PreconditionFailed"},
    {Operation::complete_multipart, 304, ErrorClass::invalid_request, Remedy::none, "PreconditionFailed"},
    {put, 412, ErrorClass::invalid_request, Remedy::none, "PreconditionFailed"},
    {put, 501, ErrorClass::invalid_request, Remedy::not_supported, "NotImplemented"},
    {put, 301, ErrorClass::auth, Remedy::set_region, "", page, of_region},
    {put, 307, ErrorClass::storage_failed, Remedy::set_region, "", "", of_region},
    {put, 302, ErrorClass::storage_failed, Remedy::retry, "", page},
    {put, 400, ErrorClass::invalid_request, Remedy::none, "", page},
    {put, 401, ErrorClass::auth, Remedy::none},
    {put, 403, ErrorClass::auth, Remedy::none, "", page},
    {put, 408, ErrorClass::storage_failed, Remedy::retry},
    {put, 409, ErrorClass::storage_failed, Remedy::retry},
    {put, 411, ErrorClass::invalid_request, Remedy::none},
    {put, 413, ErrorClass::invalid_request, Remedy::none, "", page},
    {put, 429, ErrorClass::rate_limited, Remedy::retry},
    {put, 500, ErrorClass::overloaded, Remedy::retry, "", "internal error"},
    {put, 502, ErrorClass::overloaded, Remedy::retry, "", page},
    {put, 503, ErrorClass::overloaded, Remedy::retry},
    {put, 504, ErrorClass::overloaded, Remedy::retry},
    {put, 507, ErrorClass::storage_failed, Remedy::retry},
    {put, 520, ErrorClass::storage_failed, Remedy::retry},
    {put, 100, ErrorClass::storage_failed, Remedy::retry},
    {put, 999, ErrorClass::storage_failed, Remedy::retry},
    {put, 0, ErrorClass::storage_failed, Remedy::retry},
};
INSTANTIATE_TEST_SUITE_P(Rows, S3ErrorStatus, testing::ValuesIn(status_rows));

}  // namespace
}  // namespace atelier::storage::s3
