#include "storage/s3_answers.hpp"

#include <gtest/gtest.h>

#include "core/text.hpp"
#include "s3_judged.hpp"

namespace atelier::storage::s3 {
namespace {

using namespace std::string_literals;
using core::ErrorClass;
using core::HttpAnswer;

// ---- What headers tell of an object

std::optional<ObjectFacts> facts(int status, Headers headers) {
    return object_facts({status, std::move(headers), {}});
}

TEST(S3ObjectFacts, OfAWholeObject) {
    const auto told = facts(200, {{"content-length", "10"}, {"etag", "\"e\""}, {"x-amz-meta-sha256", "abc"}});
    ASSERT_TRUE(told);
    EXPECT_EQ(told->size, 10U);
    EXPECT_EQ(told->etag, "\"e\"");
    EXPECT_EQ(told->sha256, "abc");
    EXPECT_EQ(facts(200, {{"content-length", "0"}})->sha256, "");
    // A server that knows no ranges sends all of it.
    EXPECT_EQ(facts(200, {{"content-length", "10"}, {"content-range", "bytes 0-3/7"}})->size, 10U);
}

TEST(S3ObjectFacts, OfARange) {
    EXPECT_EQ(facts(206, {{"content-length", "4096"}, {"content-range", "bytes 0-4095/10000"}})->size, 10'000U);
    EXPECT_EQ(facts(206, {{"content-length", "1"}, {"content-range", "bytes 9999-9999/10000"}})->size, 10'000U);
}

TEST(S3ObjectFacts, WhatLiesIsNotBelieved) {
    for (const std::string range : {"",
                                    "bytes",
                                    "bytes ",
                                    "bytes 0-4095",
                                    "bytes 0-4095/*",
                                    "bytes */10000",
                                    "0-4095/10000",
                                    "bytes 0-4094/10000",
                                    "bytes 1-4095/10000",
                                    "bytes 4095-0/10000",
                                    "bytes 0-4095/4095",
                                    "bytes 0-4095/",
                                    "bytes -4095/10000",
                                    "bytes 0/4095-10000",
                                    "bytes 0-4095/10000 ",
                                    "bytes 0-4095/1e9",
                                    "bytes +0-4095/10000",
                                    "bytes 0x0-4095/10000",
                                    "bytes 18446744073709551616-4095/10000",
                                    "items 0-4095/10000",
                                    "bytes 0-18446744073709551615/10000"})
        EXPECT_FALSE(facts(206, {{"content-length", "4096"}, {"content-range", range}})) << range;
    EXPECT_FALSE(facts(206, {{"content-length", "0"}, {"content-range", "bytes 0-18446744073709551615/10"}}));
    EXPECT_FALSE(facts(206, {{"content-length", "4096"}}));
    EXPECT_FALSE(facts(206, {{"content-range", "bytes 0-4095/10000"}}));
    for (const std::string length : {"", "-1", "1.5", "10 ", "1e3", "18446744073709551616", "ten"})
        EXPECT_FALSE(facts(200, {{"content-length", length}})) << length;
    EXPECT_FALSE(facts(200, {}));
}

// ---- Bodies

const Headers none;

HttpAnswer answer(std::string_view body) {
    return {200, none, body};
}

TEST(S3Undeleted, NamesTheKeysThatAreStillThere) {
    const auto failures = undeleted(answer(
        "<?xml version=\"1.0\"?><DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<Deleted><Key>gone</Key></Deleted>"
        "<Error><Key>a&amp;b&#1;.png</Key><Code>InternalError</Code><Message>We encountered an error.</Message></Error>"
        "<Error><Key>c</Key><Code>AccessDenied</Code></Error><Error><Key>d</Key><Code>NoSuchKey</Code></Error>"
        "<Error><Key>e</Key></Error></DeleteResult>"));
    ASSERT_TRUE(failures.ok());
    ASSERT_EQ(failures->size(), 4U);
    EXPECT_EQ(failures->at(0).key, "a&b\x01.png");
    EXPECT_EQ(failures->at(0).failure.remedy, Remedy::retry);
    EXPECT_EQ(failures->at(0).failure.error.message, "the store answered 200 (InternalError): We encountered an error");
    EXPECT_EQ(failures->at(1).failure.error.cls, ErrorClass::auth);
    EXPECT_EQ(failures->at(2).failure.code, "NoSuchKey");
    EXPECT_EQ(failures->at(3).failure.error.cls, ErrorClass::storage_failed);
    EXPECT_EQ(failures->at(3).failure.remedy, Remedy::retry);
}

TEST(S3Undeleted, NothingToSayMeansAllAreGone) {
    EXPECT_TRUE(undeleted(answer("<DeleteResult/>"))->empty());
    EXPECT_TRUE(undeleted(answer("<DeleteResult></DeleteResult>"))->empty());
}

template <class T>
void expect_unexpected(const core::Result<T>& result) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().cls, ErrorClass::storage_failed);
    EXPECT_TRUE(result.error().message.starts_with("the store answered 200 with")) << result.error().message;
}

TEST(S3Undeleted, AnotherFormIsNoSuccess) {
    for (const std::string& body : {""s, " "s, page, "<DeleteResult>"s, "<ListBucketResult/>"s,
                                    "<DeleteResult><Error><Code>A</Code></Error></DeleteResult>"s})
        expect_unexpected(undeleted(answer(body)));
}

std::string listing(const std::string& inside) {
    return "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>" +
           inside + "</ListBucketResult>";
}

std::string contents(const std::string& key, const std::string& size) {
    return "<Contents><Key>" + key + "</Key><LastModified>2026-11-21T10:00:00.000Z</LastModified><Size>" + size +
           "</Size></Contents>";
}

TEST(S3List, KeysAsTheyAre) {
    const auto listed = list_page(answer(listing("<IsTruncated>false</IsTruncated>" + contents("a%2B+&amp;b", "7"))));
    ASSERT_TRUE(listed.ok());
    ASSERT_EQ(listed->objects.size(), 1U);
    EXPECT_EQ(listed->objects[0].key, "a%2B+&b");
    EXPECT_EQ(listed->objects[0].size, 7U);
    EXPECT_EQ(listed->objects[0].modified, 1795255200);
    EXPECT_TRUE(listed->is_last);
}

TEST(S3List, TimesOfObjects) {
    const auto at = [](const std::string& time) {
        return list_page(answer(
            listing("<Contents><Key>a</Key><LastModified>" + time + "</LastModified><Size>1</Size></Contents>")));
    };
    EXPECT_EQ(at("1970-01-01T00:00:00Z")->objects[0].modified, 0);
    EXPECT_EQ(at("2024-02-29T23:59:59.999Z")->objects[0].modified, 1709251199);
    for (const std::string bad :
         {"", "now", "2026-11-21", "2026-11-21T10:00:00", "2026-11-21T10:00:00+01:00", "2026-02-29T10:00:00Z",
          "2026-13-01T10:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T10:60:00Z", "2026-11-21 10:00:00Z",
          "2026-11-21T10:00:00.Z", "2026-11-21T10:00:00.1x0Z", "2026-1a-21T10:00:00Z"})
        expect_unexpected(at(bad));
}

TEST(S3List, EncodedKeysAreDecoded) {
    const std::string url = "<EncodingType>url</EncodingType>";
    const auto good = list_page(answer(listing(url + contents("a%2Bb+c%2fd%01%FF%25/e", "0"))));
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(good->objects[0].key, "a+b c/d\x01\xFF%/e");
    for (const std::string bad : {"%", "%2", "%zz", "%2z", "a%", "%%20", ""})
        expect_unexpected(list_page(answer(listing(url + contents(bad, "0")))));
}

TEST(S3List, PagesLeadOn) {
    const auto first = list_page(answer(listing("<IsTruncated>true</IsTruncated>" + contents("a", "1"))));
    ASSERT_TRUE(first.ok());
    EXPECT_FALSE(first->is_last);
    EXPECT_TRUE(list_page(answer(listing("<IsTruncated>false</IsTruncated>" + contents("a", "1"))))->is_last);
    EXPECT_TRUE(list_page(answer(listing(contents("a", "1"))))->is_last);
    EXPECT_TRUE(list_page(answer(listing("")))->is_last);
    EXPECT_EQ(list_page(answer(listing("")))->objects.size(), 0U);
}

TEST(S3List, AListingThatGoesOnNowhereIsRefused) {
    expect_unexpected(list_page(answer(listing("<IsTruncated>true</IsTruncated>"))));
}

TEST(S3List, WhatIsNoListing) {
    for (const std::string& body : {""s, page, "<DeleteResult/>"s, "<ListBucketResult>"s, listing(contents("a", "")),
                                    listing(contents("a", "-1")), listing(contents("a", "1x")),
                                    listing(contents("", "1")), listing("<Contents><Size>1</Size></Contents>")})
        expect_unexpected(list_page(answer(body)));
}

TEST(S3List, AMillionKeysAreRefusedAThousandAreNot) {
    std::string inside;
    const std::string key(1024, 'k');
    for (int i = 0; i < 1000; ++i)
        inside += contents(key, "1");
    EXPECT_EQ(list_page(answer(listing(inside)))->objects.size(), 1000U);
    std::string many;
    for (int i = 0; i < 1'000'000; ++i)
        many += "<Contents/>";
    expect_unexpected(list_page(answer(listing(many))));
}

TEST(S3Multipart, UploadIdAndEtag) {
    EXPECT_EQ(
        *upload_id(answer("<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>2~a/+</UploadId>"
                          "</InitiateMultipartUploadResult>")),
        "2~a/+");
    for (const std::string& body : {""s, page, "<InitiateMultipartUploadResult/>"s, "<A><UploadId>u</UploadId></A>"s,
                                    "<InitiateMultipartUploadResult><UploadId/></InitiateMultipartUploadResult>"s})
        expect_unexpected(upload_id(answer(body)));
    EXPECT_EQ(*part_etag({200, {{"etag", "\"e\""}}, {}}), "\"e\"");
    expect_unexpected(part_etag({200, {{"etag", ""}}, {}}));
    expect_unexpected(part_etag({200, {}, {}}));
}

TEST(S3Multipart, UploadsUnderWay) {
    const auto uploads = listed_uploads(answer(
        "<ListMultipartUploadsResult><EncodingType>url</EncodingType><Upload><Key>a%20b</Key><UploadId>1</UploadId>"
        "</Upload><Upload><Key>a%20b</Key><UploadId>2</UploadId></Upload></ListMultipartUploadsResult>"));
    ASSERT_TRUE(uploads.ok());
    ASSERT_EQ(uploads->size(), 2U);
    EXPECT_EQ(uploads->at(0).key, "a b");
    EXPECT_EQ(uploads->at(1).upload, "2");
    EXPECT_TRUE(listed_uploads(answer("<ListMultipartUploadsResult/>"))->empty());
    for (const std::string& body :
         {""s, page, "<ListBucketResult/>"s,
          "<ListMultipartUploadsResult><Upload><Key>a</Key></Upload></ListMultipartUploadsResult>"s,
          "<ListMultipartUploadsResult><Upload><UploadId>1</UploadId></Upload></ListMultipartUploadsResult>"s})
        expect_unexpected(listed_uploads(answer(body)));
}

TEST(S3Answers, CutAtAnyByteTheyAreRefused) {
    const std::string whole = listing("<EncodingType>url</EncodingType>" + contents("a%20b", "1"));
    ASSERT_TRUE(list_page(answer(whole)).ok());
    for (std::size_t length = 0; length < whole.size(); ++length)
        expect_unexpected(list_page(answer(std::string_view(whole).substr(0, length))));
}

}  // namespace
}  // namespace atelier::storage::s3
