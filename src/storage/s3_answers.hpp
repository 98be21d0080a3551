#pragma once
// What an answer of an S3 server says. Pure; whatever the bytes are, they are read within the limits of s3_xml.hpp.
// Messages quote at most 300 bytes of an answer, without what looks like a URL, a key id of AWS or a signature.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/http.hpp"
#include "core/result.hpp"
#include "storage/listing.hpp"
#include "storage/s3_signature.hpp"

namespace atelier::storage::s3 {

enum class Operation {
    put_object,
    get_object,
    head_object,
    delete_object,
    delete_objects,
    list_objects,
    create_multipart,
    upload_part,
    complete_multipart,
    abort_multipart,
    list_multipart,
};

enum class Remedy {
    none,           // refused, or not possible: the same request fares no better
    retry,          // later
    set_clock,      // sign again with `server_time`
    set_region,     // sign again for `region`
    refresh,        // read the credentials again, then once more
    send_again,     // the bytes were damaged on their way
    restart,        // of a multipart upload: from its beginning
    not_supported,  // If-None-Match, where the server does not know it: without it
};

struct Failure {
    core::Error error;  // classes: auth, rate_limited, overloaded, invalid_request, storage_failed
    Remedy remedy = Remedy::none;
    std::string code{};  // such as NoSuchKey; empty where the answer names none
    std::optional<core::Milliseconds> retry_after{};
    std::optional<WallTime> server_time{};  // where the answer tells it, whatever the remedy
    std::string region{};                   // likewise, of the bucket
};

// nullopt: it succeeded. A 200 with an <Error> inside did not, nor one without what S3 answers: the result of
// complete_multipart, the ETag of what was put, an empty body to a deletion. A key that is not there is code NoSuchKey,
// an object in the way of If-None-Match is PreconditionFailed, also where the answer has no body.
std::optional<Failure> failure_of(Operation operation, const core::HttpAnswer& answer);

// What get_object and head_object tell in their headers.
struct ObjectFacts {
    std::uint64_t size = 0;  // of the whole object, also in the answer to a range
    std::string etag;        // as it came
    std::string sha256;      // of x-amz-meta-sha256; empty: not told
};
// nullopt when size or range are missing, or contradict each other.
std::optional<ObjectFacts> object_facts(const core::HttpAnswer& answer);

struct KeyFailure {
    std::string key;
    Failure failure;
};
// The keys that were not deleted; one that was not there may be among them, with code NoSuchKey. Class storage_failed
// when the answer has another form.
core::Result<std::vector<KeyFailure>> undeleted(const core::HttpAnswer& answer);

struct ListPage {
    std::vector<ListedObject> objects;  // in the order of the answer
    bool is_last = true;
};
// Class storage_failed when the answer has another form, or says that it goes on but not where.
core::Result<ListPage> list_page(const core::HttpAnswer& answer);

core::Result<std::string> upload_id(const core::HttpAnswer& answer);
core::Result<std::string> part_etag(const core::HttpAnswer& answer);
struct ListedUpload {
    std::string key;
    std::string upload;
};
core::Result<std::vector<ListedUpload>> listed_uploads(const core::HttpAnswer& answer);

}  // namespace atelier::storage::s3
