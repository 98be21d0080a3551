// Known answers: AWS's published examples, and values that the Python and JavaScript signers agree on.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, .../sigv4-query-string-auth.html

#include "storage/s3_signature.hpp"

#include <gtest/gtest.h>

#include "core/hmac.hpp"
#include "core/md5.hpp"
#include "core/sha256.hpp"

namespace atelier::storage::s3 {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr WallTime day = std::chrono::sys_days(2013y / 5 / 24);
constexpr auto unsigned_payload = "UNSIGNED-PAYLOAD"sv;
const std::string no_body = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// In two pieces, since the whole looks like somebody's key.
const Credentials example{
    "AKIA"
    "IOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
const Credentials temporary{example.access_key_id, example.secret_access_key, "TOKEN/+=="};
const Bucket examplebucket{"https://s3.amazonaws.com", "us-east-1", "examplebucket", false};

ObjectUrl url_of(const Bucket& bucket, std::string_view key) {
    auto url = object_url(bucket, key);
    EXPECT_TRUE(url.ok()) << url.error().message;
    return *std::move(url);
}

struct Request {
    std::string_view method;
    std::string_view key;
    Fields query = {};
    Fields headers = {};
    std::string_view payload_hash = no_body;
};

std::string authorization(const Request& request, const Bucket& bucket, const Credentials& credentials) {
    const ObjectUrl url = url_of(bucket, request.key);
    const Fields fields = sign_headers({request.method, url, request.query, request.headers, request.payload_hash},
                                       bucket, credentials, day);
    EXPECT_EQ(fields.at(0).first, "authorization");
    return fields.at(0).second;
}

std::string expected(const Credentials& credentials, std::string_view headers, std::string_view signature) {
    return "AWS4-HMAC-SHA256 Credential=" + credentials.access_key_id +
           "/20130524/us-east-1/s3/aws4_request, SignedHeaders=" + std::string(headers) +
           ", Signature=" + std::string(signature);
}

TEST(S3Signature, PublishedGetWithARange) {
    EXPECT_EQ(authorization({"GET", "test.txt", {}, {{"range", "bytes=0-9"}}}, examplebucket, example),
              expected(example, "host;range;x-amz-content-sha256;x-amz-date",
                       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

TEST(S3Signature, PublishedPut) {
    const std::string hash = core::sha256_hex("Welcome to Amazon S3.");
    const Fields headers{{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    EXPECT_EQ(authorization({"PUT", "test$file.text", {}, headers, hash}, examplebucket, example),
              expected(example, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(S3Signature, PublishedRequestsForTheBucket) {
    constexpr auto headers = "host;x-amz-content-sha256;x-amz-date"sv;
    EXPECT_EQ(authorization({"GET", "", {{"lifecycle", ""}}}, examplebucket, example),
              expected(example, headers, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
    EXPECT_EQ(authorization({"GET", "", {{"prefix", "J"}, {"max-keys", "2"}}}, examplebucket, example),
              expected(example, headers, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(S3Signature, PublishedPresignedUrl) {
    const ObjectUrl url = url_of(examplebucket, "test.txt");
    EXPECT_EQ(presign({"GET", url, {}, {}, unsigned_payload}, examplebucket, example, day, 86400),
              "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" +
                  example.access_key_id +
                  "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
                  "&X-Amz-SignedHeaders=host"
                  "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(S3Signature, PathStyleWithOddCharactersAndAToken) {
    const Bucket bucket{"https://s3.us-east-1.amazonaws.com", "us-east-1", "my bucket", true};
    EXPECT_EQ(url_of(bucket, "a+b=c&é~(1)*.png").path, "/my%20bucket/a%2Bb%3Dc%26%C3%A9~%281%29%2A.png");
    EXPECT_EQ(authorization({"PUT", "a+b=c&é~(1)*.png", {}, {}, unsigned_payload}, bucket, temporary),
              expected(example, "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
                       "68cf5c03e54a826c553b9a69235cbd41e0a6e059bc47038a4c50bcdc889f80e5"));
}

TEST(S3Signature, PresignedPutWithATokenAndContentType) {
    const ObjectUrl url = url_of(examplebucket, "folder/img 1.png");
    const Fields headers{{"content-type", "image/png"}};
    const std::string plain = presign({"PUT", url, {}, headers, unsigned_payload}, examplebucket, temporary, day, 900);
    EXPECT_TRUE(
        plain.ends_with("&X-Amz-Expires=900&X-Amz-Security-Token=TOKEN%2F%2B%3D%3D"
                        "&X-Amz-SignedHeaders=content-type%3Bhost&X-Amz-Signature="
                        "6e8c681be31ec76986045660b89d93ed2a796ddb32fdd5828630fe91363e2be8"))
        << plain;
    const Fields query{{"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}};
    const std::string more =
        presign({"PUT", url, query, headers, unsigned_payload}, examplebucket, temporary, day, 900);
    EXPECT_TRUE(more.ends_with("f8636e4df35675590b00ae0984d00d96c418d03b71e47db2b81fa52797b3e521")) << more;
}

TEST(S3Signature, HeadersToSendComeInOrder) {
    const ObjectUrl url = url_of(examplebucket, "a");
    const Fields fields = sign_headers({"GET", url, {}, {}, no_body}, examplebucket, temporary, day + 90061s);
    ASSERT_EQ(fields.size(), 4U);
    EXPECT_EQ(fields[1], std::pair("x-amz-content-sha256"s, no_body));
    EXPECT_EQ(fields[2], std::pair("x-amz-date"s, "20130525T010101Z"s));
    EXPECT_EQ(fields[3], std::pair("x-amz-security-token"s, "TOKEN/+=="s));
}

// As a server reads it: what differs in blanks, or in the order of headers, is the same request.
TEST(S3Signature, HeadersAreSignedInOneForm) {
    const auto signed_with = [](const Fields& headers) {
        return authorization({"GET", "a", {}, headers}, examplebucket, example);
    };
    EXPECT_EQ(signed_with({{"x-amz-meta-a", "  1 \t 2\t3  "}, {"content-type", "b"}}),
              signed_with({{"content-type", "b"}, {"x-amz-meta-a", "1 2 3"}}));
    EXPECT_EQ(signed_with({{"x-amz-meta-a", "1"}, {"content-type", "b"}, {"x-amz-meta-a", "2"}}),
              signed_with({{"content-type", "b"}, {"x-amz-meta-a", "1,2"}}));
    EXPECT_NE(signed_with({{"x-amz-meta-a", "1"}}), signed_with({{"x-amz-meta-a", "2"}}));
    // Sorted by the name, not by the line: '-' comes before ':'.
    EXPECT_NE(signed_with({{"x-amz-meta-a-b", "1"}, {"x-amz-meta-a", "1"}}).find("x-amz-meta-a;x-amz-meta-a-b"),
              std::string::npos);
}

TEST(S3Signature, QueriesAreSortedAsTheyAreEncoded) {
    EXPECT_EQ(canonical_query({}), "");
    EXPECT_EQ(canonical_query({{"uploads", ""}}), "uploads=");
    EXPECT_EQ(canonical_query({{"b", "2"}, {"b", "10"}, {"a b", "/+*"}, {"B", "~"}, {"ä", "'()!"}, {"a-b", ""}}),
              "%C3%A4=%27%28%29%21&B=~&a%20b=%2F%2B%2A&a-b=&b=10&b=2");
    EXPECT_EQ(canonical_query({{"a=b", "1"}, {"a", "2"}}), "a=2&a%3Db=1");
}

TEST(S3Signature, EveryByteIsEncodedOnce) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte)
        all.push_back(static_cast<char>(byte));
    const std::string plain = "-./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
    std::string expected_text;
    for (const char c : all) {
        char code[4];
        std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
        expected_text += plain.find(c) != std::string::npos ? std::string(1, c) : code;
    }
    EXPECT_EQ(percent_encode(all, true), expected_text);
    EXPECT_EQ(percent_encode("a/b", false), "a%2Fb");
}

// RFC 4231 sections 4.2, 4.3 and 4.7.
TEST(Hmac, TestVectors) {
    const auto hex_of = [](const std::string& bytes) {
        std::string text;
        char code[3];
        for (const char c : bytes) {
            std::snprintf(code, sizeof code, "%02x", static_cast<unsigned char>(c));
            text += code;
        }
        return text;
    };
    EXPECT_EQ(hex_of(core::hmac_sha256(std::string(20, '\x0b'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex_of(core::hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(
        hex_of(core::hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    EXPECT_EQ(hex_of(core::hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(ContentMd5, TestVectors) {
    EXPECT_EQ(core::content_md5("123456789"), "JfnnlDI7RTiF9RgfG2JNCw==");
    EXPECT_EQ(core::content_md5(""), "1B2M2Y8AsgTpgAmY7PhCfg==");
}

}  // namespace
}  // namespace atelier::storage::s3
