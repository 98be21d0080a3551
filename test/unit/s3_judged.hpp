#pragma once
// Shorthand for tests of answers that are errors of an S3 server.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "storage/s3_answers.hpp"

namespace atelier::storage::s3 {

using Headers = std::vector<std::pair<std::string, std::string>>;

inline constexpr auto get = Operation::get_object;
inline constexpr auto put = Operation::put_object;
inline constexpr auto head = Operation::head_object;

inline const Headers dated{{"date", "Sat, 21 Nov 2026 10:00:00 GMT"}};
inline const Headers of_region{{"x-amz-bucket-region", "eu-central-1"}};

// What a gateway says.
inline const std::string page =
    "<!doctype html><html><head><title>404 Not Found</title></head><body><hr></body></html>";

inline std::string error_body(const std::string& code, const std::string& more = "") {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code + "</Code>" + more + "</Error>";
}

inline std::optional<Failure> judged(Operation operation, int status, std::string_view body,
                                     const Headers& headers = {}) {
    auto failure = failure_of(operation, {status, headers, body});
    if (failure) {
        EXPECT_TRUE(core::is_storable_text(failure->error.message)) << failure->error.message;
        EXPECT_LE(failure->error.message.size(), 600U);
        EXPECT_TRUE(failure->error.message.starts_with("the store answered")) << failure->error.message;
    }
    return failure;
}

}  // namespace atelier::storage::s3
