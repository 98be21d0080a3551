#include "storage/s3_requests.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/md5.hpp"
#include "core/sha256.hpp"

namespace atelier::storage::s3 {
namespace {

using namespace std::string_literals;
using core::ErrorClass;
using core::HttpRequest;
using core::Result;

const std::string sha256 = core::sha256_hex("picture");

Signer signer() {
    Signer made;
    made.bucket = {"https://storage.example.org", "us-east-1", "b", true};
    made.credentials = {"KEYID", "secret", ""};
    return made;
}

ObjectHeaders png() {
    return {"image/png", "public, max-age=60", sha256};
}

std::map<std::string, std::string> headers_of(const HttpRequest& request) {
    std::map<std::string, std::string> headers;
    for (const std::string& line : request.headers) {
        const std::size_t colon = line.find(": ");
        EXPECT_TRUE(headers.emplace(line.substr(0, colon), line.substr(colon + 2)).second) << line;
    }
    return headers;
}

std::string signed_names(const HttpRequest& request) {
    const std::string authorization = headers_of(request).at("authorization");
    const std::size_t start = authorization.find("SignedHeaders=") + 14;
    return authorization.substr(start, authorization.find(',', start) - start);
}

HttpRequest made(Result<HttpRequest> request) {
    EXPECT_TRUE(request.ok()) << request.error().message;
    return *std::move(request);
}

void expect_refused(const Result<HttpRequest>& request, std::string_view word) {
    ASSERT_FALSE(request.ok());
    EXPECT_EQ(request.error().cls, ErrorClass::invalid_request);
    EXPECT_NE(request.error().message.find(word), std::string::npos) << request.error().message;
}

TEST(S3Requests, PutTellsAllThatIsKeptWithTheObject) {
    const HttpRequest request = made(put_object(signer(), "a/b.png", png(), false, "picture"));
    EXPECT_EQ(request.method, "PUT");
    EXPECT_EQ(request.url, "https://storage.example.org/b/a/b.png");
    EXPECT_EQ(request.body, "picture");
    auto headers = headers_of(request);
    EXPECT_EQ(headers["content-type"], "image/png");
    EXPECT_EQ(headers["cache-control"], "public, max-age=60");
    EXPECT_EQ(headers["x-amz-meta-sha256"], sha256);
    EXPECT_EQ(headers["x-amz-content-sha256"], sha256);
    EXPECT_EQ(headers["x-amz-date"], "19700101T000000Z");
    EXPECT_EQ(headers.count("if-none-match"), 0U);
    EXPECT_EQ(headers.count("expect"), 0U);
    // Not those that a proxy may change.
    EXPECT_EQ(signed_names(request), "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-sha256");
}

TEST(S3Requests, PutMayBeConditionalAndUnsigned) {
    Signer unsigned_payload = signer();
    unsigned_payload.sign_payload = false;
    ObjectHeaders plain = png();
    plain.cache_control.clear();
    auto headers = headers_of(made(put_object(unsigned_payload, "a", plain, true, "picture")));
    EXPECT_EQ(headers["if-none-match"], "*");
    EXPECT_EQ(headers["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
    EXPECT_EQ(headers.count("cache-control"), 0U);
}

// The server then says XAmzContentSHA256Mismatch.
TEST(S3Requests, PutPromisesTheHashThatItWasTold) {
    auto headers = headers_of(made(put_object(signer(), "a", png(), false, "damaged")));
    EXPECT_EQ(headers["x-amz-content-sha256"], sha256);
}

TEST(S3Requests, GetOfARangeAndAVersion) {
    const HttpRequest whole = made(get_object(signer(), "a", std::nullopt, ""));
    EXPECT_EQ(whole.method, "GET");
    EXPECT_EQ(headers_of(whole).count("range") + headers_of(whole).count("if-match"), 0U);
    auto beginning = headers_of(made(get_object(signer(), "a", ByteRange{0, 4095}, "")));
    EXPECT_EQ(beginning["range"], "bytes=0-4095");
    const HttpRequest rest = made(get_object(signer(), "a", ByteRange{4096, {}}, "\"e\""));
    EXPECT_EQ(headers_of(rest)["range"], "bytes=4096-");
    EXPECT_EQ(headers_of(rest)["if-match"], "\"e\"");
    EXPECT_EQ(signed_names(rest), "host;x-amz-content-sha256;x-amz-date");
}

TEST(S3Requests, HeadAndDelete) {
    EXPECT_EQ(made(head_object(signer(), "a")).method, "HEAD");
    EXPECT_EQ(made(delete_object(signer(), "a")).method, "DELETE");
    EXPECT_EQ(made(delete_object(signer(), "a")).url, "https://storage.example.org/b/a");
}

TEST(S3Requests, DeletionOfManyKeys) {
    const std::vector<std::string> keys{"a/1.png", "a&b<c>'\"", "\r\n\t",
                                        "gr\xC3\xB6\xC3\x9F"
                                        "e"};
    const HttpRequest request = made(delete_objects(signer(), keys));
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.url, "https://storage.example.org/b/?delete=");
    EXPECT_EQ(request.body,
              "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"
              "<Object><Key>a/1.png</Key></Object><Object><Key>a&amp;b&lt;c&gt;&apos;&quot;</Key></Object>"
              "<Object><Key>&#13;&#10;&#9;</Key></Object><Object><Key>gr\xC3\xB6\xC3\x9F"
              "e</Key></Object></Delete>");
    auto headers = headers_of(request);
    EXPECT_EQ(headers["content-md5"], core::content_md5(request.body));
    EXPECT_EQ(headers["x-amz-content-sha256"], core::sha256_hex(request.body));
    EXPECT_EQ(headers["content-type"], "application/xml");
    EXPECT_EQ(signed_names(request), "content-md5;content-type;host;x-amz-content-sha256;x-amz-date");

    // What we wrote, read back.
    const auto root = parse_xml(request.body);
    ASSERT_TRUE(root);
    for (std::size_t i = 0; i < keys.size(); ++i)
        EXPECT_EQ(root->children.at(i + 1).text_of("Key"), keys[i]);
}

TEST(S3Requests, DeletionsHaveALimit) {
    std::vector<std::string> keys(1000, std::string(1024, '&'));
    EXPECT_TRUE(delete_objects(signer(), keys).ok());
    keys.emplace_back("one more");
    expect_refused(delete_objects(signer(), keys), "1000");
    expect_refused(delete_objects(signer(), std::span<const std::string>{}), "1 to 1000");
    for (const std::string& key : {"\x01"s, "a\x1f"s, "\0"s, "\xff"s, "\xEF\xBF\xBE"s, "\xEF\xBF\xBF"s, ""s})
        expect_refused(delete_objects(signer(), std::vector{key}), "XML");
}

TEST(S3Requests, WhatFitsXml) {
    EXPECT_TRUE(fits_xml(""));
    EXPECT_TRUE(fits_xml("a\t\r\n\x7f\xC2\x80\xEF\xBF\xBD\xF4\x8F\xBF\xBF"));
    for (char c = 0; c < 0x20; ++c)
        EXPECT_EQ(fits_xml(std::string(1, c)), c == '\t' || c == '\r' || c == '\n') << static_cast<int>(c);
    for (const std::string_view bad : {"\xEF\xBF\xBE", "\xEF\xBF\xBF", "\xED\xA0\x80", "\xC3", "\xFF"})
        EXPECT_FALSE(fits_xml(bad));
}

TEST(S3Requests, Listings) {
    EXPECT_EQ(made(list_objects(signer(), "", "", 1000)).url,
              "https://storage.example.org/b/?encoding-type=url&list-type=2&max-keys=1000");
    EXPECT_EQ(made(list_objects(signer(), "a b/", "a b/+=", 7)).url,
              "https://storage.example.org/b/"
              "?encoding-type=url&list-type=2&max-keys=7&prefix=a%20b%2F&start-after=a%20b%2F%2B%3D");
    EXPECT_FALSE(list_objects(signer(), "", "", 0).ok());
    EXPECT_FALSE(list_objects(signer(), "", "", 1001).ok());
    EXPECT_EQ(made(list_multipart(signer(), "a/")).url, "https://storage.example.org/b/?prefix=a%2F&uploads=");
}

TEST(S3Requests, MultipartUpload) {
    const HttpRequest create = made(create_multipart(signer(), "a", png()));
    EXPECT_EQ(create.method + " " + create.url, "POST https://storage.example.org/b/a?uploads=");
    EXPECT_EQ(headers_of(create).at("x-amz-meta-sha256"), sha256);
    EXPECT_EQ(headers_of(create).at("cache-control"), "public, max-age=60");
    EXPECT_EQ(create.body, "");

    const HttpRequest part = made(upload_part(signer(), "a", "u/+", 10'000, "bytes"));
    EXPECT_EQ(part.method + " " + part.url, "PUT https://storage.example.org/b/a?partNumber=10000&uploadId=u%2F%2B");
    EXPECT_EQ(headers_of(part).at("x-amz-content-sha256"), core::sha256_hex("bytes"));

    const std::vector<std::string> etags{"\"1\"", "<2>"};
    const HttpRequest complete = made(complete_multipart(signer(), "a", "u", etags, true));
    EXPECT_EQ(complete.method + " " + complete.url, "POST https://storage.example.org/b/a?uploadId=u");
    EXPECT_EQ(headers_of(complete).at("if-none-match"), "*");
    EXPECT_EQ(complete.body,
              "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
              "<Part><PartNumber>1</PartNumber><ETag>&quot;1&quot;</ETag></Part>"
              "<Part><PartNumber>2</PartNumber><ETag>&lt;2&gt;</ETag></Part></CompleteMultipartUpload>");

    const HttpRequest abort = made(abort_multipart(signer(), "a", "u"));
    EXPECT_EQ(abort.method + " " + abort.url, "DELETE https://storage.example.org/b/a?uploadId=u");
}

TEST(S3Requests, MultipartUploadsHaveLimits) {
    expect_refused(upload_part(signer(), "a", "u", 0, ""), "10000");
    expect_refused(upload_part(signer(), "a", "u", 10'001, ""), "10000");
    expect_refused(complete_multipart(signer(), "a", "u", {}, false), "10000");
    expect_refused(complete_multipart(signer(), "a", "u", std::vector<std::string>(10'001, "e"), false), "10000");
    expect_refused(complete_multipart(signer(), "a", "u", std::vector<std::string>{"\x01"}, false), "ETag");
}

// A DELETE whose uploadId is empty would be one of the object.
TEST(S3Requests, AnUploadWithoutIdIsNone) {
    expect_refused(abort_multipart(signer(), "a", ""), "id");
    expect_refused(upload_part(signer(), "a", "", 1, "x"), "id");
    expect_refused(complete_multipart(signer(), "a", "", std::vector{"e"s}, false), "id");
}

// A DELETE without a key would be one of the bucket.
TEST(S3Requests, AnEmptyKeyIsRefused) {
    expect_refused(put_object(signer(), "", png(), false, "x"), "key");
    expect_refused(get_object(signer(), "", {}, ""), "key");
    expect_refused(head_object(signer(), ""), "key");
    expect_refused(delete_object(signer(), ""), "key");
    expect_refused(create_multipart(signer(), "", png()), "key");
    expect_refused(upload_part(signer(), "", "u", 1, "x"), "key");
    expect_refused(complete_multipart(signer(), "", "u", std::vector{"e"s}, false), "key");
    expect_refused(abort_multipart(signer(), "", "u"), "key");
}

TEST(S3Requests, NoHeaderCanHoldWhatEndsIt) {
    for (const std::string& bad : {"a\r\nb: c"s, "a\nb"s, "a\0b"s, "\x7f"s, "\xC3\xA9"s, " "s}) {
        ObjectHeaders headers = png();
        headers.mime = bad;
        expect_refused(put_object(signer(), "a", headers, false, "x"), "content-type");
        headers = png();
        headers.cache_control = bad;
        expect_refused(put_object(signer(), "a", headers, false, "x"), "cache-control");
        expect_refused(get_object(signer(), "a", {}, bad), "if-match");
        Signer other = signer();
        other.credentials.session_token = bad;
        expect_refused(head_object(other, "a"), "x-amz-security-token");
    }
    ObjectHeaders headers = png();
    headers.mime.clear();
    expect_refused(put_object(signer(), "a", headers, false, "x"), "content-type");
    headers = png();
    headers.sha256 = "abc";
    expect_refused(put_object(signer(), "a", headers, false, "x"), "sha256");
    expect_refused(create_multipart(signer(), "a", headers), "sha256");
}

}  // namespace
}  // namespace atelier::storage::s3
