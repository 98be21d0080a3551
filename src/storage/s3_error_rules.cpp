#include "storage/s3_error_rules.hpp"

#include <algorithm>
#include <array>

namespace atelier::storage::s3 {
namespace {

using core::ErrorClass;

struct Rule {
    std::string_view code;
    ErrorClass cls;
    Remedy remedy;
};

constexpr std::array rules{
    // Better later.
    Rule{"InternalError", ErrorClass::overloaded, Remedy::retry},
    Rule{"ServiceUnavailable", ErrorClass::overloaded, Remedy::retry},
    Rule{"RequestLimitExceeded", ErrorClass::rate_limited, Remedy::retry},
    Rule{"BandwidthLimitExceeded", ErrorClass::rate_limited, Remedy::retry},
    Rule{"RequestTimeout", ErrorClass::storage_failed, Remedy::retry},
    Rule{"OperationAborted", ErrorClass::storage_failed, Remedy::retry},
    Rule{"ConditionalRequestConflict", ErrorClass::storage_failed, Remedy::retry},
    Rule{"QuotaExceeded", ErrorClass::storage_failed, Remedy::retry},
    // After a repair.
    Rule{"RequestTimeTooSkewed", ErrorClass::auth, Remedy::set_clock},
    Rule{"RequestExpired", ErrorClass::auth, Remedy::set_clock},
    Rule{"RequestInTheFuture", ErrorClass::auth, Remedy::set_clock},
    Rule{"AuthorizationHeaderMalformed", ErrorClass::auth, Remedy::set_region},
    Rule{"IllegalLocationConstraintException", ErrorClass::auth, Remedy::set_region},
    Rule{"PermanentRedirect", ErrorClass::auth, Remedy::set_region},
    Rule{"TemporaryRedirect", ErrorClass::storage_failed, Remedy::set_region},
    Rule{"ExpiredToken", ErrorClass::auth, Remedy::refresh},
    Rule{"TokenRefreshRequired", ErrorClass::auth, Remedy::refresh},
    Rule{"BadDigest", ErrorClass::storage_failed, Remedy::send_again},
    Rule{"IncompleteBody", ErrorClass::storage_failed, Remedy::send_again},
    Rule{"XAmzContentSHA256Mismatch", ErrorClass::storage_failed, Remedy::send_again},
    // The operator's to mend.
    Rule{"AccessDenied", ErrorClass::auth, Remedy::none},
    Rule{"AccountProblem", ErrorClass::auth, Remedy::none},
    Rule{"AllAccessDisabled", ErrorClass::auth, Remedy::none},
    Rule{"CredentialsNotSupported", ErrorClass::auth, Remedy::none},
    Rule{"InvalidAccessKeyId", ErrorClass::auth, Remedy::none},
    Rule{"InvalidBucketName", ErrorClass::auth, Remedy::none},
    Rule{"InvalidSecurity", ErrorClass::auth, Remedy::none},
    Rule{"InvalidToken", ErrorClass::auth, Remedy::none},
    Rule{"NoSuchBucket", ErrorClass::auth, Remedy::none},
    Rule{"NotSignedUp", ErrorClass::auth, Remedy::none},
    Rule{"SignatureDoesNotMatch", ErrorClass::auth, Remedy::none},
    Rule{"Unauthorized", ErrorClass::auth, Remedy::none},
    Rule{"UserSuspended", ErrorClass::auth, Remedy::none},
    // Of this request.
    Rule{"EntityTooLarge", ErrorClass::invalid_request, Remedy::none},
    Rule{"EntityTooSmall", ErrorClass::invalid_request, Remedy::none},
    Rule{"InvalidArgument", ErrorClass::invalid_request, Remedy::none},
    Rule{"InvalidDigest", ErrorClass::invalid_request, Remedy::none},
    Rule{"InvalidObjectState", ErrorClass::invalid_request, Remedy::none},
    Rule{"InvalidPart", ErrorClass::invalid_request, Remedy::none},
    Rule{"InvalidPartOrder", ErrorClass::invalid_request, Remedy::none},
    Rule{"InvalidRange", ErrorClass::invalid_request, Remedy::none},
    Rule{"InvalidRequest", ErrorClass::invalid_request, Remedy::none},
    Rule{"KeyTooLong", ErrorClass::invalid_request, Remedy::none},
    Rule{"KeyTooLongError", ErrorClass::invalid_request, Remedy::none},
    Rule{"MalformedXML", ErrorClass::invalid_request, Remedy::none},
    Rule{"MetadataTooLarge", ErrorClass::invalid_request, Remedy::none},
    Rule{"MethodNotAllowed", ErrorClass::invalid_request, Remedy::none},
    Rule{"MissingContentLength", ErrorClass::invalid_request, Remedy::none},
    Rule{"NoSuchKey", ErrorClass::invalid_request, Remedy::none},
    Rule{"NoSuchUpload", ErrorClass::invalid_request, Remedy::none},
    Rule{"NotImplemented", ErrorClass::invalid_request, Remedy::none},
    Rule{"PreconditionFailed", ErrorClass::invalid_request, Remedy::none},
};

// Each server has spellings of its own: ThrottlingException, TooManyRequests, SlowDownWrite.
bool is_throttling(std::string_view code) noexcept {
    constexpr std::array<std::string_view, 4> beginnings{"SlowDown", "Throttl", "RequestThrottled", "TooManyRequests"};
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string_view beginning) { return code.starts_with(beginning); });
}

bool creates(Operation operation) noexcept {
    return operation == Operation::put_object || operation == Operation::complete_multipart;
}

bool continues_upload(Operation operation) noexcept {
    return operation == Operation::upload_part || operation == Operation::complete_multipart;
}

// A route that leads nowhere says 404 too, but with words of its own.
ErrorRule rule_of_missing(Operation operation, bool is_silent) noexcept {
    if (operation == Operation::head_object) return {ErrorClass::invalid_request, Remedy::none, "NoSuchKey"};
    if (!is_silent) return {ErrorClass::storage_failed, Remedy::retry};
    if (operation == Operation::get_object || operation == Operation::delete_object)
        return {ErrorClass::invalid_request, Remedy::none, "NoSuchKey"};
    if (continues_upload(operation)) return {ErrorClass::storage_failed, Remedy::restart, "NoSuchUpload"};
    if (operation == Operation::abort_multipart) return {ErrorClass::invalid_request, Remedy::none, "NoSuchUpload"};
    return {ErrorClass::storage_failed, Remedy::retry};
}

}  // namespace

std::optional<ErrorRule> rule_of_code(Operation operation, std::string_view code) noexcept {
    if (is_throttling(code)) return ErrorRule{ErrorClass::rate_limited, Remedy::retry, code};
    if (code == "NoSuchUpload" && continues_upload(operation))
        return ErrorRule{ErrorClass::storage_failed, Remedy::restart, code};
    if (code == "ConditionalRequestConflict" && operation == Operation::complete_multipart)
        return ErrorRule{ErrorClass::storage_failed, Remedy::restart, code};
    if (code == "NotImplemented" && creates(operation))
        return ErrorRule{ErrorClass::invalid_request, Remedy::not_supported, code};
    const auto* const rule =
        std::find_if(rules.begin(), rules.end(), [&](const Rule& each) { return each.code == code; });
    if (rule == rules.end()) return std::nullopt;
    return ErrorRule{rule->cls, rule->remedy, code};
}

ErrorRule rule_of_status(Operation operation, int status, bool is_silent) noexcept {
    switch (status) {
        case 301:
        case 308:
            return {ErrorClass::auth, Remedy::set_region};
        case 302:
        case 303:
        case 307:
            return {ErrorClass::storage_failed, Remedy::set_region};
        case 304:  // of MinIO's older releases, for what others call 412
            if (creates(operation)) return {ErrorClass::invalid_request, Remedy::none, "PreconditionFailed"};
            return {ErrorClass::storage_failed, Remedy::none};
        case 400:
            // An expired token and a wrong region look like this to HEAD.
            if (operation == Operation::head_object) return {ErrorClass::storage_failed, Remedy::refresh};
            return {ErrorClass::invalid_request, Remedy::none};
        case 401:
        case 402:
        case 403:
        case 407:
            return {ErrorClass::auth, Remedy::none};
        case 404:
            return rule_of_missing(operation, is_silent);
        case 408:
        case 409:
        case 423:
        case 425:
            return {ErrorClass::storage_failed, Remedy::retry};
        case 412:
            return {ErrorClass::invalid_request, Remedy::none, "PreconditionFailed"};
        case 429:
            return {ErrorClass::rate_limited, Remedy::retry};
        case 500:
        case 502:
        case 503:
        case 504:
            return {ErrorClass::overloaded, Remedy::retry};
        case 501:
            return *rule_of_code(operation, "NotImplemented");
        default:
            break;
    }
    if (status >= 400 && status < 500) return {ErrorClass::invalid_request, Remedy::none};
    return {ErrorClass::storage_failed, Remedy::retry};
}

}  // namespace atelier::storage::s3
