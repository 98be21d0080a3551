// Our requests and URLs against those that the AWS SDK signed for the same calls at the same moment:
// test/oracles/s3_signatures.json, recorded by record_s3.mjs.

#include <gtest/gtest.h>

#include <fstream>

#include "core/json.hpp"
#include "core/sha256.hpp"
#include "storage/s3_requests.hpp"

namespace atelier::storage::s3 {
namespace {

using core::HttpRequest;
using core::Json;
using core::Result;

const Json& recording() {
    static const Json json = [] {
        std::ifstream file(std::string(ATELIER_ORACLES) + "/s3_signatures.json");
        return Json::parse(file);
    }();
    return json;
}

const Json& setup() {
    return recording().at("setup");
}

std::string text(const char* name) {
    return setup().at(name);
}

Signer signer_for(const std::string& place, bool with_token) {
    const Json& where = setup().at("places").at(place);
    Signer signer;
    signer.bucket = {where.at("endpoint"), text("region"), text("bucket"), where.at("path_style")};
    signer.credentials = {text("accessKeyId"), text("secretAccessKey"), with_token ? text("session_token") : ""};
    signer.time = WallTime(std::chrono::seconds(setup().at("time").get<std::int64_t>()));
    return signer;
}

ObjectHeaders object_headers() {
    return {"image/png", "public, max-age=31536000, immutable", core::sha256_hex(text("body"))};
}

// "https://host/path", whatever the query is.
std::string address_of(const HttpRequest& request) {
    return request.url.substr(0, request.url.find('?'));
}

std::string origin_of(const std::string& place) {
    const std::string endpoint = setup().at("places").at(place).at("endpoint");
    return endpoint.substr(0, endpoint.find("://") + 3) + setup().at("same").at("host of " + place).get<std::string>();
}

std::string authorization_of(const HttpRequest& request) {
    constexpr std::string_view name = "authorization: ";
    for (const std::string& header : request.headers) {
        if (header.starts_with(name)) return header.substr(name.size());
    }
    return {};
}

struct Expected {
    std::string address;
    std::string headers;  // the names of those that are signed
    std::string signature;
};

void expect_equal(const Result<HttpRequest>& request, const Expected& expected) {
    ASSERT_TRUE(request.ok()) << request.error().message;
    EXPECT_EQ(address_of(*request), expected.address);
    EXPECT_EQ(authorization_of(*request), "AWS4-HMAC-SHA256 Credential=" + text("accessKeyId") +
                                              "/20261121/eu-central-1/s3/aws4_request, SignedHeaders=" +
                                              expected.headers + ", Signature=" + expected.signature);
}

Result<HttpRequest> request_for(const std::string& call, const Signer& signer, const std::string& key) {
    if (call == "put_object") return put_object(signer, key, object_headers(), true, text("body"));
    if (call == "get_object") return get_object(signer, key, ByteRange{0, 4095}, "\"etag\"");
    if (call == "head_object") return head_object(signer, key);
    if (call == "delete_object") return delete_object(signer, key);
    if (call == "upload_part") return upload_part(signer, key, text("upload_id"), 17, text("body"));
    return core::Error{core::ErrorClass::invalid_request, "no such call"};
}

// The SDK's presigner adds one parameter of its own.
std::string presigned_for(const std::string& call, const Signer& signer, const std::string& key) {
    const auto url = object_url(signer.bucket, key);
    Fields query{{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"}};
    Fields headers;
    if (call == "presigned_get")
        query.emplace_back("response-content-disposition", "attachment; filename=\"a b.png\"");
    else
        headers = {{"content-type", "image/png"}, {"content-length", "123456"}};
    const std::string_view method = call == "presigned_get" ? "GET" : "PUT";
    return presign({method, *url, query, headers, "UNSIGNED-PAYLOAD"}, signer.bucket, signer.credentials, signer.time,
                   900);
}

void expect_presigned(const std::string& url, const std::string& call, const Expected& expected) {
    EXPECT_TRUE(url.starts_with(expected.address + "?")) << url;
    EXPECT_TRUE(url.ends_with("&X-Amz-Signature=" + expected.signature)) << url;
    for (const Json& field : setup().at("same").at("query of " + call))
        EXPECT_NE((url + "&").find(field.get<std::string>() + "&"), std::string::npos) << field;
}

class S3Oracle : public testing::TestWithParam<std::string> {};

TEST_P(S3Oracle, EveryKeyIsSignedAsTheSdkSignsIt) {
    const bool with_token = GetParam().ends_with("_token");
    const std::string place = GetParam().substr(0, GetParam().find('_'));
    const Signer signer = signer_for(place, with_token);
    const std::string before_key = setup().at("places").at(place).at("before_key");
    std::size_t keys = 0;
    for (const Json& record : recording().at("keys")) {
        if (!record.contains(GetParam())) continue;
        ++keys;
        const std::string key = record.at("key");
        SCOPED_TRACE(key);
        for (std::size_t i = 0; i < setup().at("calls").size(); ++i) {
            const std::string call = setup().at("calls").at(i);
            SCOPED_TRACE(call);
            Expected expected{origin_of(place) + before_key + record.at("encoded").get<std::string>(),
                              {},
                              record.at(GetParam()).at(i)};
            if (call.starts_with("presigned")) {
                expect_presigned(presigned_for(call, signer, key), call, expected);
                continue;
            }
            expected.headers = setup().at("same").at("headers of " + call + (with_token ? " with token" : ""));
            expect_equal(request_for(call, signer, key), expected);
        }
    }
    EXPECT_GE(keys, place == "port" ? 1U : 220U);
}

INSTANTIATE_TEST_SUITE_P(Places, S3Oracle, testing::Values("path", "path_token", "virtual", "virtual_token", "port"),
                         [](const auto& each) { return each.param; });

Result<HttpRequest> other_request(const std::string& call, const Signer& signer) {
    const std::string key = "a+b=c&é~(1)*//x.png";
    if (call == "create_multipart") return create_multipart(signer, key, object_headers());
    if (call == "abort_multipart") return abort_multipart(signer, key, text("upload_id"));
    if (call == "list_objects") return list_objects(signer, "a b/+", "a b/+é~(1)*//x.png", 1000);
    if (call == "list_multipart") return list_multipart(signer, "a b/+");
    return core::Error{core::ErrorClass::invalid_request, "no such call"};
}

Fields fields_of(const Json& object) {
    Fields fields;
    for (const auto& [name, value] : object.items())
        fields.emplace_back(name, value.get<std::string>());
    return fields;
}

// Of a request whose body the SDK writes in another order than we do: its headers, signed by us.
std::string authorization_for(const Signer& signer, const Json& record) {
    Fields headers;
    std::string payload_hash;
    for (const auto& [name, value] : fields_of(record.at("headers"))) {
        if (name == "x-amz-content-sha256") payload_hash = value;
        if (!name.starts_with("x-amz-")) headers.emplace_back(name, value);
    }
    const bool of_bucket = record.at("call") == "delete_objects";
    const auto url = object_url(signer.bucket, of_bucket ? "" : "a+b=c&é~(1)*//x.png");
    EXPECT_EQ(url->path, record.at("path"));
    const std::string method = record.at("method");
    return sign_headers({method, *url, fields_of(record.at("query")), headers, payload_hash}, signer.bucket,
                        signer.credentials, signer.time)
        .front()
        .second;
}

TEST(S3OracleCalls, OtherCallsAreSignedAsTheSdkSignsThem) {
    for (const Json& record : recording().at("others")) {
        SCOPED_TRACE(record.dump());
        const std::string call = record.at("call");
        const std::string place = record.at("place");
        const Signer signer = signer_for(place, record.at("token"));
        const std::string end = ", Signature=" + record.at("signature").get<std::string>();
        if (call == "delete_objects" || call == "complete_multipart") {
            EXPECT_TRUE(authorization_for(signer, record).ends_with(end));
            continue;
        }
        const auto request = other_request(call, signer);
        ASSERT_TRUE(request.ok()) << request.error().message;
        EXPECT_EQ(request->method, record.at("method"));
        const std::string url = origin_of(place) + record.at("path").get<std::string>();
        EXPECT_EQ(request->url, url + "?" + canonical_query(fields_of(record.at("query"))));
        EXPECT_TRUE(authorization_of(*request).ends_with(end)) << authorization_of(*request);
    }
}

}  // namespace
}  // namespace atelier::storage::s3
