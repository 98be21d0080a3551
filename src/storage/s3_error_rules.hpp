#pragma once
// What an error means by its code, or by the status where it has none that is known.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and the codes of the servers that speak like S3.

#include <optional>
#include <string_view>

#include "core/error_class.hpp"
#include "storage/s3_answers.hpp"

namespace atelier::storage::s3 {

struct ErrorRule {
    core::ErrorClass cls;
    Remedy remedy;
    std::string_view code = {};  // where it is certain which one was meant; else empty
};

// nullopt: unknown.
std::optional<ErrorRule> rule_of_code(Operation operation, std::string_view code) noexcept;

// `is_silent`: the answer has no body.
ErrorRule rule_of_status(Operation operation, int status, bool is_silent) noexcept;

}  // namespace atelier::storage::s3
