#pragma once
// The requests of the S3 API that the executor makes, signed and ready to be sent. Pure.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/http.hpp"
#include "core/result.hpp"
#include "storage/s3_signature.hpp"
#include "storage/s3_xml.hpp"  // fits_xml()

namespace atelier::storage::s3 {

// What every request needs. `time` is the server's, as far as it is known.
struct Signer {
    Bucket bucket;
    Credentials credentials;
    bool sign_payload = true;  // else UNSIGNED-PAYLOAD, which only https endpoints take
    WallTime time{};
};

struct ObjectHeaders {
    std::string mime;
    std::string cache_control;  // empty: none
    std::string sha256;         // of the whole object; the server keeps it as x-amz-meta-sha256
};

// Errors of all: invalid_request, when the endpoint of the bucket or a value cannot be sent.
// `if_absent`: If-None-Match: *
core::Result<core::HttpRequest> put_object(const Signer& signer, std::string_view key, const ObjectHeaders& headers,
                                           bool if_absent, std::string body);
struct ByteRange {
    std::uint64_t first = 0;
    std::optional<std::uint64_t> last;  // inclusive; none: to the end
};
// `etag` as the server gave it, quotes included: the answer is of that version or 412. Empty: whichever is there.
core::Result<core::HttpRequest> get_object(const Signer& signer, std::string_view key,
                                           const std::optional<ByteRange>& range, const std::string& etag);
core::Result<core::HttpRequest> head_object(const Signer& signer, std::string_view key);
core::Result<core::HttpRequest> delete_object(const Signer& signer, std::string_view key);
// 1 to 1000 keys that fit XML; the answer names only those that were not deleted. With Content-MD5.
core::Result<core::HttpRequest> delete_objects(const Signer& signer, std::span<const std::string> keys);
// Keys in the order of their bytes, those behind `after`, at most `limit` (1 to 1000).
core::Result<core::HttpRequest> list_objects(const Signer& signer, const std::string& prefix, const std::string& after,
                                             std::size_t limit);

core::Result<core::HttpRequest> create_multipart(const Signer& signer, std::string_view key,
                                                 const ObjectHeaders& headers);
// `number` from 1 to 10000.
core::Result<core::HttpRequest> upload_part(const Signer& signer, std::string_view key, const std::string& upload,
                                            unsigned number, std::string body);
core::Result<core::HttpRequest> complete_multipart(const Signer& signer, std::string_view key,
                                                   const std::string& upload, std::span<const std::string> etags,
                                                   bool if_absent);
core::Result<core::HttpRequest> abort_multipart(const Signer& signer, std::string_view key, const std::string& upload);
// The uploads under way whose keys begin with `prefix`, at most 1000.
core::Result<core::HttpRequest> list_multipart(const Signer& signer, const std::string& prefix);

}  // namespace atelier::storage::s3
