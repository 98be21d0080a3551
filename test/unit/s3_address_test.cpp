#include <gtest/gtest.h>

#include "storage/s3_signature.hpp"

namespace atelier::storage::s3 {
namespace {

using core::ErrorClass;

struct Address {
    std::string endpoint;
    std::string bucket;
    bool path_style;
    std::string url;  // of the key "k"; empty: refused
    std::string host = {};
};

class S3Endpoints : public testing::TestWithParam<Address> {};

TEST_P(S3Endpoints, Url) {
    const Address& each = GetParam();
    const auto url = object_url({each.endpoint, "r", each.bucket, each.path_style}, "k");
    if (each.url.empty()) {
        ASSERT_FALSE(url.ok()) << url->origin << url->path;
        EXPECT_EQ(url.error().cls, ErrorClass::invalid_request);
        return;
    }
    ASSERT_TRUE(url.ok()) << url.error().message;
    EXPECT_EQ(url->origin + url->path, each.url);
    EXPECT_EQ(url->host, each.host);
}

const Address addresses[] = {
    {"https://s3.us-east-1.amazonaws.com", "b", false, "https://b.s3.us-east-1.amazonaws.com/k",
     "b.s3.us-east-1.amazonaws.com"},
    {"https://s3.us-east-1.amazonaws.com", "b", true, "https://s3.us-east-1.amazonaws.com/b/k",
     "s3.us-east-1.amazonaws.com"},
    // As user agents send the host: in lower case, without the port of the scheme.
    {"https://S3.Example.ORG:443", "b", true, "https://s3.example.org/b/k", "s3.example.org"},
    {"http://s3.example.org:80", "b", true, "http://s3.example.org/b/k", "s3.example.org"},
    {"http://s3.example.org:443", "b", true, "http://s3.example.org:443/b/k", "s3.example.org:443"},
    {"https://s3.example.org:09000", "b", false, "https://b.s3.example.org:9000/k", "b.s3.example.org:9000"},
    {"http://127.0.0.1:7480", "b", true, "http://127.0.0.1:7480/b/k", "127.0.0.1:7480"},
    {"http://[::1]:7480", "b", true, "http://[::1]:7480/b/k", "[::1]:7480"},
    {"http://[::1]", "b", true, "http://[::1]/b/k", "[::1]"},
    {"https://ref.example.org/storage/v1/s3", "b", true, "https://ref.example.org/storage/v1/s3/b/k",
     "ref.example.org"},
    {"https://ref.example.org/storage/v1/s3", "b", false, "https://b.ref.example.org/storage/v1/s3/k",
     "b.ref.example.org"},
    {"https://h", "tenant:My_Bucket", true, "https://h/tenant%3AMy_Bucket/k", "h"},
    {"https://h", "a.b", false, "https://a.b.h/k", "a.b.h"},
    {"https://h", "tenant:b", false, ""},
    {"https://h", "B", false, ""},
    {"https://h", "b/c", false, ""},
    {"http://127.0.0.1:7480", "b", false, ""},
    {"http://[::1]:7480", "b", false, ""},
    {"https://h", "", true, ""},
    {"https://h", "", false, ""},
    {"", "b", true, ""},
    {"h", "b", true, ""},
    {"ftp://h", "b", true, ""},
    {"https://", "b", true, ""},
    {"https:///path", "b", true, ""},
    {"https://:9000", "b", true, ""},
    {"https://h:", "b", true, ""},
    {"https://h:0", "b", true, ""},
    {"https://h:65536", "b", true, ""},
    {"https://h:9x", "b", true, ""},
    {"https://h:+9", "b", true, ""},
    {"https://user@h", "b", true, ""},
    {"https://user:word@h", "b", true, ""},
    {"https://h/", "b", true, ""},
    {"https://h/a/", "b", true, ""},
    {"https://h?x=1", "b", true, ""},
    {"https://h/a?x=1", "b", true, ""},
    {"https://h/a#b", "b", true, ""},
    {"https://h/a%20b", "b", true, ""},
    {"https://h/a b", "b", true, ""},
    {"https://h h", "b", true, ""},
    {"https://m\xC3\xBCller", "b", true, ""},
    {"https://h\r\n", "b", true, ""},
    {"https://[::1", "b", true, ""},
    {"https://[]", "b", true, ""},
};
INSTANTIATE_TEST_SUITE_P(Addresses, S3Endpoints, testing::ValuesIn(addresses));

TEST(S3Addresses, WithoutAKeyItIsTheBucket) {
    EXPECT_EQ(object_url({"https://h", "r", "b", true}, "")->path, "/b/");
    EXPECT_EQ(object_url({"https://h/base", "r", "b", true}, "")->path, "/base/b/");
    EXPECT_EQ(object_url({"https://h", "r", "b", false}, "")->path, "/");
    EXPECT_EQ(object_url({"https://h/base", "r", "b", false}, "")->path, "/base/");
}

// S3 does not resolve them, so that they name objects of their own.
TEST(S3Addresses, PathsAreNotNormalised) {
    for (const std::string key : {"/a", "a//b", "./a", "a/../b", "..", "a/", "//"})
        EXPECT_EQ(object_url({"https://h", "r", "b", true}, key)->path, "/b/" + key);
}

}  // namespace
}  // namespace atelier::storage::s3
