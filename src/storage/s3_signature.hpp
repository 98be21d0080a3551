#pragma once
// AWS Signature Version 4 for S3, in headers and in the query of a URL. Pure: no clock, no I/O. The PostgreSQL module
// links this too, for the addresses that it presigns.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/aws_credentials.hpp"
#include "core/result.hpp"

namespace atelier::storage::s3 {

using WallTime = std::chrono::sys_seconds;

using Credentials = core::AwsCredentials;

// Where a bucket is.
struct Bucket {
    std::string endpoint;  // http(s)://host[:port][/path], no trailing slash
    std::string region;
    std::string name;
    bool path_style = true;  // endpoint/bucket/key; else bucket.host/key
};

// Names in lower case; neither name nor value is encoded yet.
using Fields = std::vector<std::pair<std::string, std::string>>;

// Every byte but A-Z a-z 0-9 - . _ ~ as %XX, in upper case; `keep_slash` also leaves '/'.
std::string percent_encode(std::string_view text, bool keep_slash);

struct ObjectUrl {
    std::string origin;  // scheme and host, with the port as it is sent
    std::string host;    // value of the Host header
    std::string path;    // percent-encoded once, not normalised: what is signed and what is sent
};
// An empty key is the bucket itself. invalid_request when the endpoint has another form.
core::Result<ObjectUrl> object_url(const Bucket& bucket, std::string_view key);

struct SigningInput {
    std::string_view method;
    const ObjectUrl& url;
    const Fields& query;
    const Fields& headers;          // to be signed, without host
    std::string_view payload_hash;  // 64 hex digits, or "UNSIGNED-PAYLOAD"
};

// The headers to send beside those of the input, in the order of their names: authorization, x-amz-content-sha256,
// x-amz-date and, with temporary credentials, x-amz-security-token.
Fields sign_headers(const SigningInput& input, const Bucket& bucket, const Credentials& credentials, WallTime time);

// The URL that whoever holds it may use for `expires` seconds (1 to 604800) from `time` on, with exactly these headers.
std::string presign(const SigningInput& input, const Bucket& bucket, const Credentials& credentials, WallTime time,
                    std::uint32_t expires);

// "name=value&..", encoded and sorted; a name without value stays "name=".
std::string canonical_query(const Fields& query);

}  // namespace atelier::storage::s3
