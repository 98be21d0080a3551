// Long objects that are put in parts, against a server that plays S3.

#include <gtest/gtest.h>

#include <atomic>

#include "store_rig.hpp"

namespace atelier::test {
namespace {

const Json in_parts{{"multipart_threshold", 10}, {"part_size", 8}};
const std::string bytes = "0123456789abcdefghi";  // 8 + 8 + 3

std::string no_uploads() {
    return reply(200, "<ListMultipartUploadsResult></ListMultipartUploadsResult>");
}

std::string uploads(const std::vector<std::pair<std::string, std::string>>& all) {
    std::string text = "<ListMultipartUploadsResult>";
    for (const auto& [key, id] : all)
        text += "<Upload><Key>" + key + "</Key><UploadId>" + id + "</UploadId></Upload>";
    return reply(200, text + "</ListMultipartUploadsResult>");
}

std::string created(const std::string& id) {
    return reply(200, "<InitiateMultipartUploadResult><UploadId>" + id + "</UploadId></InitiateMultipartUploadResult>");
}

std::string part(int number) {
    return reply(200, "", "ETag: \"part" + std::to_string(number) + "\"\r\n");
}

std::string completed() {
    return reply(200, "<CompleteMultipartUploadResult><ETag>\"x\"</ETag></CompleteMultipartUploadResult>");
}

constexpr const char* gone = "HTTP/1.1 204 x\r\n\r\n";

std::string body_of_request(const std::string& request) {
    return request.substr(request.find("\r\n\r\n") + 4);
}

TEST(StoresParts, AreSentOneAfterTheOtherAndPutTogether) {
    ScriptedStore server;
    server.then(no_uploads()).then(created("U 1")).then(part(1)).then(part(2)).then(part(3)).then(completed());
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    ASSERT_TRUE(rig.put("a.png", bytes).result.ok());
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 6U);
    EXPECT_TRUE(server.lines()[1].starts_with("POST /pictures/a.png?uploads")) << server.lines()[1];
    EXPECT_EQ(server.lines()[2], "PUT /pictures/a.png?partNumber=1&uploadId=U%201");
    EXPECT_EQ(body_of_request(requests[2]), "01234567");
    EXPECT_EQ(body_of_request(requests[4]), "ghi");
    const std::string list = body_of_request(requests[5]);
    EXPECT_LT(list.find("part1"), list.find("part2"));
    EXPECT_NE(list.find("<PartNumber>3</PartNumber>"), std::string::npos) << list;
}

TEST(StoresParts, WhatAnEarlierUploadOfTheKeyLeftIsAborted) {
    ScriptedStore server;
    server.then(uploads({{"a.png", "old1"}, {"a.png2", "another"}, {"a.png", "old2"}}))
        .then(gone)
        .then(gone)
        .then(created("U"))
        .then(part(1))
        .then(part(2))
        .then(part(3))
        .then(completed());
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    EXPECT_TRUE(rig.put("a.png", bytes).result.ok());
    const auto lines = server.lines();
    ASSERT_EQ(lines.size(), 8U);
    EXPECT_EQ(lines[1], "DELETE /pictures/a.png?uploadId=old2");
    EXPECT_EQ(lines[2], "DELETE /pictures/a.png?uploadId=old1");
}

TEST(StoresParts, APartThatIsRefusedIsSentAgain) {
    ScriptedStore server;
    server.then(no_uploads()).then(created("U")).then(part(1)).then(reply(503, "")).then(part(2)).then(part(3));
    server.then(completed());
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    EXPECT_TRUE(rig.put("a.png", bytes).result.ok());
    const auto lines = server.lines();
    ASSERT_EQ(lines.size(), 7U);
    EXPECT_EQ(lines[3], lines[4]);
}

TEST(StoresParts, AnUploadThatFailsIsAborted) {
    ScriptedStore server;
    server.then(no_uploads()).then(created("U")).then(part(1)).then(s3_error(403, "AccessDenied")).then(gone);
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    const auto end = rig.put("a.png", bytes);
    expect_failed(end, ErrorClass::auth, "AccessDenied");
    EXPECT_FALSE(end.may_be_left);
    EXPECT_EQ(server.lines().back(), "DELETE /pictures/a.png?uploadId=U");
}

TEST(StoresParts, A200WithAnErrorInsideIsNone) {
    const std::string error = reply(200, "   <Error><Code>InternalError</Code><Message>m</Message></Error>");
    ScriptedStore server;
    server.then(no_uploads()).then(created("U")).then(part(1)).then(part(2)).then(part(3));
    server.then(error).then(error).then(completed());
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    EXPECT_TRUE(rig.put("a.png", bytes).result.ok());
    EXPECT_EQ(server.requests().size(), 8U);
}

TEST(StoresParts, AnAnswerThatIsLostIsNoSecondUpload) {
    ScriptedStore server;
    server.then(no_uploads()).then(created("U")).then(part(1)).then(part(2)).then(part(3));
    server.then("").then(s3_error(404, "NoSuchUpload")).then(s3_facts(bytes.size(), core::sha256_hex(bytes)));
    server.then(gone);
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    EXPECT_TRUE(rig.put("a.png", bytes).result.ok());
    EXPECT_EQ(server.lines().at(7), "HEAD /pictures/a.png");
}

TEST(StoresParts, AnUploadThatIsGoneIsBegunAnewOnce) {
    ScriptedStore server;
    server.then(no_uploads()).then(created("U1")).then(s3_error(404, "NoSuchUpload")).then(gone);
    server.then(created("U2")).then(part(1)).then(part(2)).then(part(3)).then(completed());
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    EXPECT_TRUE(rig.put("a.png", bytes).result.ok());
    EXPECT_TRUE(server.lines().back().find("uploadId=U2") != std::string::npos);

    ScriptedStore hopeless;
    hopeless.then(no_uploads()).then(created("U1")).then(s3_error(404, "NoSuchUpload")).then(gone);
    hopeless.then(created("U2")).then(s3_error(404, "NoSuchUpload")).then(gone);
    StoreRig other(stores_frame(hopeless.endpoint(), in_parts));
    expect_failed(other.put("a.png", bytes), ErrorClass::storage_failed, "NoSuchUpload");
    EXPECT_EQ(hopeless.requests().size(), 7U);
}

TEST(StoresParts, TheSameObjectUnderTheKeyIsAsGoodAsPut) {
    ScriptedStore server;
    server.then(no_uploads()).then(created("U")).then(part(1)).then(part(2)).then(part(3));
    server.then(s3_error(412, "PreconditionFailed")).then(s3_facts(bytes.size(), core::sha256_hex(bytes))).then(gone);
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    EXPECT_TRUE(rig.put("a.png", bytes).result.ok());
    EXPECT_EQ(server.lines().back(), "DELETE /pictures/a.png?uploadId=U") << "its parts are not left";
}

TEST(StoresParts, WhoMayNotListMayPut) {
    ScriptedStore server;
    server.then(s3_error(403, "AccessDenied")).then(created("U")).then(part(1)).then(part(2)).then(part(3));
    server.then(completed());
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    EXPECT_TRUE(rig.put("a.png", bytes).result.ok());
}

TEST(StoresParts, CancelledTheUploadIsAborted) {
    ScriptedStore server;
    std::atomic<bool> go{false};
    server.then(no_uploads()).then(created("U")).then([&](const std::string&) {
        while (!go)
            pause_for(milliseconds{1});
        return part(1);
    });
    server.then(gone);
    StoreRig rig(stores_frame(server.endpoint(), in_parts));
    std::optional<executor::StoreEnd<executor::Stored>> end;
    const auto work = rig.stores.put("media", "pictures", StoreRig::object("a.png", bytes), core::now(),
                                     [&](auto result) { end = std::move(result); });
    ASSERT_TRUE(rig.run_until([&] { return server.requests().size() == 3; }));
    work.lock()->cancel();
    EXPECT_TRUE(rig.run_until([&] { return end.has_value(); }));
    go = true;
    expect_failed(*end, ErrorClass::cancelled, "cancelled");
    EXPECT_EQ(server.lines().back(), "DELETE /pictures/a.png?uploadId=U");
}

}  // namespace
}  // namespace atelier::test
