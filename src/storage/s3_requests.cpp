#include "storage/s3_requests.hpp"

#include <algorithm>
#include <utility>

#include "core/md5.hpp"
#include "core/sha256.hpp"

namespace atelier::storage::s3 {
namespace {

using core::Error;
using core::ErrorClass;
using core::HttpRequest;
using core::Result;

constexpr std::size_t max_keys = 1000;
constexpr unsigned max_parts = 10'000;
constexpr std::string_view xml_mime = "application/xml";
constexpr std::string_view xml_namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

Error refuse(std::string_view reason) {
    return {ErrorClass::invalid_request, std::string(reason)};
}

struct Draft {
    std::string_view method;
    std::string_view key;
    Fields query = {};
    Fields signed_headers = {};
    Fields other_headers = {};  // what a proxy may change on the way, and what decides nothing
    std::string body = {};
    std::string body_sha256 = {};  // empty: not known yet
};

// Visible ASCII and blanks, and something of it: curl takes a field without value for one to be left out.
bool can_be_sent(std::string_view value) noexcept {
    return value.find_first_not_of(' ') != std::string_view::npos &&
           std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

Result<HttpRequest> finished(const Signer& signer, Draft draft) {
    const auto url = object_url(signer.bucket, draft.key);
    if (!url) return url.error();
    std::string payload_hash = "UNSIGNED-PAYLOAD";
    if (signer.sign_payload)
        payload_hash = draft.body_sha256.empty() ? core::sha256_hex(draft.body) : std::move(draft.body_sha256);
    Fields all = sign_headers({draft.method, *url, draft.query, draft.signed_headers, payload_hash}, signer.bucket,
                              signer.credentials, signer.time);
    all.insert(all.end(), draft.signed_headers.begin(), draft.signed_headers.end());
    all.insert(all.end(), draft.other_headers.begin(), draft.other_headers.end());

    HttpRequest request;
    request.method = draft.method;
    request.url = url->origin + url->path;
    if (!draft.query.empty()) request.url += "?" + canonical_query(draft.query);
    for (const auto& [name, value] : all) {
        if (!can_be_sent(value)) return refuse("the header " + name + " of a request to the store has no legal value");
        request.headers.push_back(std::string(name).append(": ").append(value));
    }
    request.body = std::move(draft.body);
    return request;
}

Result<Draft> draft_for(std::string_view method, std::string_view key) {
    // To object_url() that is the bucket.
    if (key.empty()) return refuse("the object key is empty");
    return Draft{method, key};
}

Result<Draft> draft_for_upload(std::string_view method, std::string_view key, const std::string& upload) {
    // Servers may take a request with an empty uploadId for one to the object itself.
    if (upload.empty()) return refuse("the multipart upload has no id");
    auto draft = draft_for(method, key);
    if (draft) draft->query = {{"uploadId", upload}};
    return draft;
}

Result<void> describe(Draft& draft, const ObjectHeaders& headers) {
    if (!core::is_sha256_hex(headers.sha256)) return refuse("the object has no sha256");
    draft.signed_headers = {{"content-type", headers.mime}, {"x-amz-meta-sha256", headers.sha256}};
    if (!headers.cache_control.empty()) draft.other_headers.emplace_back("cache-control", headers.cache_control);
    return {};
}

void create_only(Draft& draft, bool if_absent) {
    if (if_absent) draft.other_headers.emplace_back("if-none-match", "*");
}

void limit_to(Draft& draft, const std::string& prefix) {
    if (!prefix.empty()) draft.query.emplace_back("prefix", prefix);
}

}  // namespace

Result<HttpRequest> put_object(const Signer& signer, std::string_view key, const ObjectHeaders& headers, bool if_absent,
                               std::string body) {
    auto draft = draft_for("PUT", key);
    if (!draft) return draft.error();
    if (auto described = describe(*draft, headers); !described) return described.error();
    create_only(*draft, if_absent);
    draft->body = std::move(body);
    // A body that is another one by now is refused by the server, where hashing it here would hide that.
    draft->body_sha256 = headers.sha256;
    return finished(signer, *std::move(draft));
}

Result<HttpRequest> get_object(const Signer& signer, std::string_view key, const std::optional<ByteRange>& range,
                               const std::string& etag) {
    auto draft = draft_for("GET", key);
    if (!draft) return draft.error();
    if (range) {
        const std::string last = range->last ? std::to_string(*range->last) : "";
        draft->other_headers.emplace_back("range", "bytes=" + std::to_string(range->first) + "-" + last);
    }
    if (!etag.empty()) draft->other_headers.emplace_back("if-match", etag);
    return finished(signer, *std::move(draft));
}

Result<HttpRequest> head_object(const Signer& signer, std::string_view key) {
    auto draft = draft_for("HEAD", key);
    if (!draft) return draft.error();
    return finished(signer, *std::move(draft));
}

Result<HttpRequest> delete_object(const Signer& signer, std::string_view key) {
    auto draft = draft_for("DELETE", key);
    if (!draft) return draft.error();
    return finished(signer, *std::move(draft));
}

Result<HttpRequest> delete_objects(const Signer& signer, std::span<const std::string> keys) {
    if (keys.empty() || keys.size() > max_keys) return refuse("a request deletes 1 to 1000 objects");
    Draft draft{"POST", "", {{"delete", ""}}};
    draft.body.append("<Delete xmlns=\"").append(xml_namespace).append("\"><Quiet>true</Quiet>");
    for (const std::string& key : keys) {
        if (key.empty() || !fits_xml(key)) return refuse("an object key cannot be written in XML");
        draft.body.append("<Object><Key>").append(escape_xml(key)).append("</Key></Object>");
    }
    draft.body += "</Delete>";
    auto md5 = core::content_md5(draft.body);
    if (!md5) return refuse("OpenSSL refuses MD5, which S3 asks for here");
    draft.signed_headers = {{"content-md5", *std::move(md5)}, {"content-type", std::string(xml_mime)}};
    return finished(signer, std::move(draft));
}

Result<HttpRequest> list_objects(const Signer& signer, const std::string& prefix, const std::string& after,
                                 std::size_t limit) {
    if (limit < 1 || limit > max_keys) return refuse("a request lists 1 to 1000 objects");
    Draft draft{"GET", "", {{"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", std::to_string(limit)}}};
    limit_to(draft, prefix);
    // Not a token: a page can be asked for by whoever knows only where it begins.
    if (!after.empty()) draft.query.emplace_back("start-after", after);
    return finished(signer, std::move(draft));
}

Result<HttpRequest> create_multipart(const Signer& signer, std::string_view key, const ObjectHeaders& headers) {
    auto draft = draft_for("POST", key);
    if (!draft) return draft.error();
    if (auto described = describe(*draft, headers); !described) return described.error();
    draft->query = {{"uploads", ""}};
    return finished(signer, *std::move(draft));
}

Result<HttpRequest> upload_part(const Signer& signer, std::string_view key, const std::string& upload, unsigned number,
                                std::string body) {
    auto draft = draft_for_upload("PUT", key, upload);
    if (!draft) return draft.error();
    if (number < 1 || number > max_parts) return refuse("an upload has parts 1 to 10000");
    draft->query.emplace_back("partNumber", std::to_string(number));
    draft->body = std::move(body);
    return finished(signer, *std::move(draft));
}

Result<HttpRequest> complete_multipart(const Signer& signer, std::string_view key, const std::string& upload,
                                       std::span<const std::string> etags, bool if_absent) {
    auto draft = draft_for_upload("POST", key, upload);
    if (!draft) return draft.error();
    if (etags.empty() || etags.size() > max_parts) return refuse("an upload has parts 1 to 10000");
    draft->signed_headers = {{"content-type", std::string(xml_mime)}};
    create_only(*draft, if_absent);
    draft->body.append("<CompleteMultipartUpload xmlns=\"").append(xml_namespace).append("\">");
    for (std::size_t i = 0; i < etags.size(); ++i) {
        if (!fits_xml(etags[i])) return refuse("the ETag of a part cannot be written in XML");
        draft->body.append("<Part><PartNumber>").append(std::to_string(i + 1));
        draft->body.append("</PartNumber><ETag>").append(escape_xml(etags[i])).append("</ETag></Part>");
    }
    draft->body += "</CompleteMultipartUpload>";
    return finished(signer, *std::move(draft));
}

Result<HttpRequest> abort_multipart(const Signer& signer, std::string_view key, const std::string& upload) {
    auto draft = draft_for_upload("DELETE", key, upload);
    if (!draft) return draft.error();
    return finished(signer, *std::move(draft));
}

Result<HttpRequest> list_multipart(const Signer& signer, const std::string& prefix) {
    // Not with encoding-type: radosgw encodes the keys then, but does not say so.
    Draft draft{"GET", "", {{"uploads", ""}}};
    limit_to(draft, prefix);
    return finished(signer, std::move(draft));
}

}  // namespace atelier::storage::s3
