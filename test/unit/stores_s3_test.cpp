// The stores against a server that plays S3: what is read, put and removed, and what is made of its refusals.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "executor/file_facts.hpp"
#include "store_rig.hpp"

namespace atelier::test {
namespace {

std::string bytes_of(const storage::StoredObject& object) {
    auto bytes = executor::read_file(object.fd.get(), 0, object.size);
    EXPECT_TRUE(bytes.ok());
    return bytes ? *bytes : "";
}

std::string long_picture(std::size_t size) {
    std::string bytes = tiny_png();
    while (bytes.size() < size)
        bytes += static_cast<char>(bytes.size() * 31 % 251);
    return bytes;
}

bool has(const std::string& request, const std::string& words) {
    return request.find(words) != std::string::npos;
}

std::string date_header(std::chrono::seconds off) {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + off);
    char text[64];
    std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", std::gmtime(&now));
    return text;
}

TEST(StoresS3, AShortObjectIsReadWithOneRequest) {
    ScriptedStore server;
    server.then(s3_part(tiny_png(), 0, tiny_png().size() - 1));
    StoreRig rig(stores_frame(server.endpoint()));
    const auto end = rig.fetch("a b.png", 1000, true);
    ASSERT_TRUE(end.result.ok()) << end.result.error().message;
    EXPECT_EQ(bytes_of(*end.result), tiny_png());
    EXPECT_EQ(server.lines(), std::vector<std::string>{"GET /pictures/a%20b.png"});
    EXPECT_TRUE(asks_for(server.requests()[0], "0-4095"));
}

TEST(StoresS3, OfALongOneTheRestIsReadOfTheSameVersion) {
    const std::string picture = long_picture(200'000);
    ScriptedStore server;
    server.then(s3_part(picture, 0, 4095)).then(s3_part(picture, 4096, 199'999));
    StoreRig rig(stores_frame(server.endpoint()));
    const auto end = rig.fetch("a.png", 200'000, true);
    ASSERT_TRUE(end.result.ok()) << end.result.error().message;
    EXPECT_EQ(bytes_of(*end.result), picture);
    const std::string second = server.requests().at(1);
    EXPECT_TRUE(asks_for(second, "4096-199999")) << second;
    EXPECT_TRUE(has(second, "\r\nif-match: \"0123\"\r\n") || has(second, "\r\nIf-Match: \"0123\"\r\n")) << second;
}

TEST(StoresS3, WhatIsTooLongOrNoPictureIsNotReadToItsEnd) {
    ScriptedStore server;
    server.then(s3_part(long_picture(200'000), 0, 4095))
        .then(s3_part(std::string(200'000, 'x'), 0, 4095))
        .then(s3_error(416, "InvalidRange"))
        .then(s3_error(404, "NoSuchKey"));
    StoreRig rig(stores_frame(server.endpoint()));
    expect_failed(rig.fetch("a", 199'999, true), ErrorClass::invalid_request, "has 200000 bytes, at most 199999");
    expect_failed(rig.fetch("a", 200'000, true), ErrorClass::invalid_request, "not a picture");
    expect_failed(rig.fetch("a"), ErrorClass::invalid_request, "is empty");
    expect_failed(rig.fetch("a"), ErrorClass::invalid_request, "the object \"a\" does not exist");
    EXPECT_EQ(server.requests().size(), 4U);
}

TEST(StoresS3, OtherBytesThanWereAskedForAreNotTaken) {
    const std::string picture = long_picture(10'000);
    ScriptedStore server;
    server.then(s3_part(picture, 1, 4096))
        .then(s3_part(picture, 0, 4095))
        .then(s3_part(picture, 0, 5903))  // as long as what was asked for
        .then(s3_part(picture, 0, 4095))
        .then(s3_error(412, "PreconditionFailed"));
    StoreRig rig(stores_frame(server.endpoint()));
    expect_failed(rig.fetch("a"), ErrorClass::storage_failed, "other bytes");
    expect_failed(rig.fetch("a"), ErrorClass::storage_failed, "other bytes");
    expect_failed(rig.fetch("a"), ErrorClass::storage_failed, "replaced while it was read");
}

TEST(StoresS3, AnAnswerThatIsCutShortIsAskedForAgain) {
    const std::string whole = s3_part(tiny_png(), 0, 66);
    RawServer torn([&](Peer& peer) {
        peer.read_request();
        peer.send(whole.substr(0, whole.size() - 5));
    });
    StoreRig rig(stores_frame(torn.url("")));
    expect_failed(rig.fetch("a"), ErrorClass::storage_failed, "the store \"media\": 127.0.0.1");
    EXPECT_EQ(torn.requests().size(), 3U);
}

TEST(StoresS3, ALongPageOfAGatewayDoesNotMeanThatTheObjectIsMissing) {
    ScriptedStore server;
    server.then(reply(404, "<html>" + std::string(6000, 'x')));
    StoreRig rig(stores_frame(server.endpoint()));
    expect_failed(rig.fetch("a"), ErrorClass::storage_failed, "404");
}

TEST(StoresS3, PutSaysWhatItPutsAndThatNothingIsReplaced) {
    ScriptedStore server;
    server.then(s3_stored());
    StoreRig rig(stores_frame(server.endpoint()));
    ASSERT_TRUE(rig.put("a.png", "bytes").result.ok());
    ASSERT_EQ(server.lines(), std::vector<std::string>{"PUT /pictures/a.png"});
    std::string sent = server.requests()[0];
    std::transform(sent.begin(), sent.end(), sent.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::string hash = core::sha256_hex("bytes");
    const std::vector<std::string> fields{"if-none-match: *",      "content-type: image/png",
                                          "cache-control: public", "x-amz-meta-sha256: " + hash,
                                          "content-length: 5",     "x-amz-content-sha256: " + hash};
    for (const std::string& field : fields)
        EXPECT_TRUE(has(sent, "\r\n" + field + "\r\n")) << field << "\n" << sent;
    EXPECT_TRUE(sent.ends_with("\r\n\r\nbytes"));
}

TEST(StoresS3, TheSameObjectUnderTheKeyIsAsGoodAsPut) {
    ScriptedStore server;
    server.then(s3_error(412, "PreconditionFailed"))
        .then(s3_facts(5, core::sha256_hex("bytes")))
        .then(s3_error(412, "PreconditionFailed"))
        .then(s3_facts(5, core::sha256_hex("other")))
        .then(s3_error(412, "PreconditionFailed"))
        .then("HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n");
    StoreRig rig(stores_frame(server.endpoint()));
    EXPECT_TRUE(rig.put("a.png", "bytes").result.ok());
    const auto other = rig.put("a.png", "bytes");
    expect_failed(other, ErrorClass::invalid_request, "another object has the key \"a.png\"");
    EXPECT_FALSE(other.may_be_left) << "it is not ours to delete";
    expect_failed(rig.put("a.png", "bytes"), ErrorClass::storage_failed, "not there either");
    EXPECT_EQ(server.lines().at(1), "HEAD /pictures/a.png");
}

TEST(StoresS3, AServerWithoutConditionsIsAskedForThemOnce) {
    ScriptedStore server;
    server.then(s3_error(501, "NotImplemented")).then(s3_stored());
    StoreRig rig(stores_frame(server.endpoint()));
    EXPECT_TRUE(rig.put("a.png", "bytes").result.ok());
    EXPECT_TRUE(rig.put("b.png", "bytes").result.ok());
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 3U);
    const auto conditional = std::count_if(requests.begin(), requests.end(), [](const std::string& request) {
        return has(request, "\r\nif-none-match: *\r\n") || has(request, "\r\nIf-None-Match: *\r\n");
    });
    EXPECT_EQ(conditional, 1);
}

// Also those that were built before the first answer, and wait for it or are under way with it.
TEST(StoresS3, AllThatAskedAServerWithoutConditionsForThemAreMended) {
    ScriptedStore server;
    server.then([](const std::string& request) {
        const bool conditional = has(request, "\r\nif-none-match: *\r\n") || has(request, "\r\nIf-None-Match: *\r\n");
        return conditional ? s3_error(501, "NotImplemented") : s3_stored();
    });
    StoreRig rig(stores_frame(server.endpoint()));
    int stored = 0;
    for (int i = 0; i < 3; ++i) {
        rig.stores.put("media", "pictures", StoreRig::object("k" + std::to_string(i), "bytes"), core::now(),
                       [&](const auto& end) { stored += end.result.ok(); });
    }
    EXPECT_TRUE(rig.run_until([&] { return stored == 3; }, milliseconds{5000})) << stored;
}

TEST(StoresS3, AnAnswerThatIsLostDoesNotPutTwice) {
    ScriptedStore server;
    server.then("").then(s3_error(412, "PreconditionFailed")).then(s3_facts(5, core::sha256_hex("bytes")));
    StoreRig rig(stores_frame(server.endpoint()));
    EXPECT_TRUE(rig.put("a.png", "bytes").result.ok());
    EXPECT_EQ(server.lines(),
              (std::vector<std::string>{"PUT /pictures/a.png", "PUT /pictures/a.png", "HEAD /pictures/a.png"}));
}

TEST(StoresS3, AClockThatIsOffIsSetOnce) {
    ScriptedStore server;
    server.then(s3_error(403, "RequestTimeTooSkewed", date_header(std::chrono::hours{0}))).then(s3_stored());
    StoreRig rig(stores_frame(server.endpoint()));
    rig.clock_is_off = std::chrono::hours{2};
    EXPECT_TRUE(rig.put("a.png", "bytes").result.ok());
    EXPECT_TRUE(rig.put("b.png", "bytes").result.ok());
    EXPECT_EQ(server.requests().size(), 3U) << "the time of the server is remembered";

    ScriptedStore stubborn;
    stubborn.then(s3_error(403, "RequestTimeTooSkewed", date_header(std::chrono::hours{0})));
    StoreRig other(stores_frame(stubborn.endpoint()));
    expect_failed(other.put("a.png", "bytes"), ErrorClass::auth, "RequestTimeTooSkewed");
    EXPECT_EQ(stubborn.requests().size(), 2U);
}

TEST(StoresS3, TheRegionThatTheServerNamesIsTaken) {
    ScriptedStore server;
    server.then(s3_error(400, "AuthorizationHeaderMalformed", {}, "<Region>eu-north-7</Region>")).then(s3_stored());
    StoreRig rig(stores_frame(server.endpoint()));
    EXPECT_TRUE(rig.put("a.png", "bytes").result.ok());
    EXPECT_TRUE(rig.put("b.png", "bytes").result.ok());
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 3U);
    EXPECT_TRUE(has(requests[0], "/us-east-1/s3/aws4_request"));
    EXPECT_TRUE(has(requests[1], "/eu-north-7/s3/aws4_request"));
    EXPECT_TRUE(has(requests[2], "/eu-north-7/s3/aws4_request"));
}

TEST(StoresS3, DamagedBytesAreSentAgainOnce) {
    ScriptedStore server;
    server.then(s3_error(400, "BadDigest"));
    StoreRig rig(stores_frame(server.endpoint()));
    expect_failed(rig.put("a.png", "bytes"), ErrorClass::storage_failed, "BadDigest");
    EXPECT_EQ(server.requests().size(), 2U);
}

TEST(StoresS3, WhatMayBeBetterLaterIsTriedThreeTimes) {
    ScriptedStore server;
    server.then(reply(503, "")).then(reply(502, "<html>")).then(s3_stored());
    StoreRig rig(stores_frame(server.endpoint()));
    EXPECT_TRUE(rig.put("a.png", "bytes").result.ok());
    ScriptedStore down;
    down.then(reply(500, ""));
    StoreRig other(stores_frame(down.endpoint()));
    expect_failed(other.put("a.png", "bytes"), ErrorClass::overloaded, "500");
    EXPECT_EQ(down.requests().size(), 3U);
}

TEST(StoresS3, AServerThatNamesATimeIsObeyed) {
    ScriptedStore server;
    server.then(s3_error(503, "SlowDown", "Retry-After: 1\r\n")).then(s3_stored());
    StoreRig rig(stores_frame(server.endpoint()));
    const auto start = core::now();
    EXPECT_TRUE(rig.put("a.png", "bytes").result.ok());
    EXPECT_GE(core::now() - start, milliseconds{1000});

    ScriptedStore patient;
    patient.then(s3_error(503, "SlowDown", "Retry-After: 90\r\n"));
    StoreRig other(stores_frame(patient.endpoint()));
    const auto end = other.put("a.png", "bytes");
    expect_failed(end, ErrorClass::rate_limited, "SlowDown");
    EXPECT_EQ(end.retry_after, milliseconds{90'000}) << "too long to wait for here";
    EXPECT_EQ(patient.requests().size(), 1U);
}

TEST(StoresS3, AServerThatIsNotThereIsTriedThreeTimes) {
    StoreRig rig(stores_frame("http://127.0.0.1:" + std::to_string(refused_port())));
    const auto end = rig.put("a.png", "bytes");
    expect_failed(end, ErrorClass::storage_failed, "Connection refused");
    EXPECT_FALSE(end.may_be_left);
}

TEST(StoresS3, WrongCredentialsAreSentOnceHoweverManyComeAtOnce) {
    ScriptedStore server;
    std::atomic<bool> corrected{false};
    server.then([&](const std::string&) { return corrected ? s3_stored() : s3_error(403, "SignatureDoesNotMatch"); });
    StoreRig rig(stores_frame(server.endpoint()));
    int refused = 0;
    for (int i = 0; i < 20; ++i) {
        rig.stores.put("media", "pictures", StoreRig::object("k", "bytes"), core::now(),
                       [&](const auto& end) { refused += !end.result && end.result.error().cls == ErrorClass::auth; });
    }
    EXPECT_TRUE(rig.run_until([&] { return refused == 20; })) << refused;
    expect_failed(rig.fetch("a"), ErrorClass::auth, "SignatureDoesNotMatch");
    EXPECT_EQ(server.requests().size(), 1U);

    // As long as nothing of the store changes.
    ASSERT_TRUE(rig.stores.set_stores(stores_frame(server.endpoint())).ok());
    expect_failed(rig.fetch("a"), ErrorClass::auth, "SignatureDoesNotMatch");
    EXPECT_EQ(server.requests().size(), 1U);
    corrected = true;
    ASSERT_TRUE(rig.stores.set_stores(stores_frame(server.endpoint(), {{"secret_access_key", "another-secret"}})).ok());
    EXPECT_TRUE(rig.put("a", "bytes").result.ok());
}

TEST(StoresS3, WhatAServerRepeatsOfTheCredentialsGoesNoFurther) {
    const std::string secret = "sk-canary-secret/+=";
    const std::string token = "sk-canary-token/+==";
    const std::string said = "<Message>signed with " + secret + " and " + token + "</Message>";
    ScriptedStore server;
    server.then(reply(403, "<Error><Code>SignatureDoesNotMatch</Code>" + said + "</Error>"))
        .then(reply(200,
                    "<DeleteResult><Error><Key>b</Key><Code>InternalError</Code>" + said + "</Error></DeleteResult>"));
    StoreRig rig(stores_frame(server.endpoint(), {{"secret_access_key", secret}, {"session_token", token}}));
    expect_failed(rig.put("a", "bytes"), ErrorClass::auth, "signed with [redacted] and [redacted]");
    ASSERT_TRUE(rig.stores
                    .set_stores(stores_frame(server.endpoint(),
                                             {{"secret_access_key", secret + "2"}, {"session_token", token}}))
                    .ok());
    const auto kept = rig.remove({"a", "b"});
    ASSERT_TRUE(kept.result.ok());
    ASSERT_EQ(kept.result->failed.size(), 1U);
    EXPECT_FALSE(has(kept.result->failed[0].error.message, "canary")) << kept.result->failed[0].error.message;
}

TEST(StoresS3, NorDoesTheIdOfTheKey) {
    const std::string echo = "<Message>key studio-key-7 may not</Message>";
    ScriptedStore server;
    server.then(reply(403, "<Error><Code>AccessDenied</Code>" + echo + "</Error>"))
        .then(reply(200, "<DeleteResult><Error><Key>studio-key-7.png</Key><Code>AccessDenied</Code>" + echo +
                             "</Error></DeleteResult>"));
    StoreRig rig(stores_frame(server.endpoint(), {{"access_key_id", "studio-key-7"}}));
    expect_failed(rig.put("a", "bytes"), ErrorClass::auth, "key [redacted] may not");
    ASSERT_EQ(rig.notices.size(), 1U);
    EXPECT_TRUE(has(rig.notices[0].message, "key [redacted] may not")) << rig.notices[0].message;
    const auto removal = rig.remove({"a", "studio-key-7.png"});
    ASSERT_TRUE(removal.result.ok());
    ASSERT_EQ(removal.result->failed.size(), 1U);
    EXPECT_EQ(removal.result->failed[0].key, "studio-key-7.png");
    const std::string& message = removal.result->failed[0].error.message;
    EXPECT_TRUE(has(message, "key [redacted] may not")) << message;
}

TEST(StoresS3, ASilentServerIsNotWaitedForByAll) {
    RawServer silent([](Peer& peer) {
        peer.read_request();
        peer.wait_for_close();
    });
    StoreRig rig(stores_frame(silent.url("")));
    for (int i = 0; i < 20; ++i)
        rig.stores.put("media", "pictures", StoreRig::object("k", "bytes"), core::now(), [](const auto&) {});
    EXPECT_TRUE(rig.run_until([&] { return silent.requests().size() == 1; }));
    EXPECT_TRUE(rig.run_until([&] { return silent.requests().size() == 20; }, milliseconds{1900}));
}

TEST(StoresS3, WhatAPolicyForbidsConcernsThatAlone) {
    ScriptedStore server;
    server.then(s3_error(403, "AccessDenied")).then(s3_stored());
    StoreRig rig(stores_frame(server.endpoint()));
    expect_failed(rig.remove({"a"}), ErrorClass::auth, "AccessDenied");
    EXPECT_TRUE(rig.put("a", "bytes").result.ok());
    EXPECT_EQ(server.requests().size(), 2U);
}

TEST(StoresS3, WhoeverResumesTheLaneOfTheStoreTriesAgain) {
    ScriptedStore server;
    server.then(s3_error(403, "AccessDenied"));
    StoreRig rig(stores_frame(server.endpoint()));
    int refused = 0;
    for (int i = 0; i < 20; ++i) {
        rig.stores.remove("media", "pictures", {"a"}, [&](const auto& end) {
            refused += !end.result && end.result.error().cls == ErrorClass::auth;
        });
    }
    EXPECT_TRUE(rig.run_until([&] { return refused == 20; })) << refused;
    EXPECT_EQ(server.requests().size(), 1U) << "of those that were asked for before the refusal one was sent";
    expect_failed(rig.remove({"a"}), ErrorClass::auth, "AccessDenied");
    EXPECT_EQ(server.requests().size(), 2U);
}

TEST(StoresS3, AFileOfCredentialsIsReadEachTime) {
    ScriptedStore server;
    server.then(s3_error(403, "InvalidAccessKeyId")).then(s3_stored());
    TemporaryDirectory directory;
    const auto file = directory.path() / "credentials";
    Json entry = store_entry(server.endpoint(), {{"credentials_file", file.string()}});
    entry.erase("access_key_id");
    entry.erase("secret_access_key");
    StoreRig rig(Json{{"stores", Json::array({entry})}}.dump());
    expect_failed(rig.put("a", "bytes"), ErrorClass::auth, "No such file");
    EXPECT_EQ(server.requests().size(), 0U);
    write_file(file, "[default]\naws_access_key_id=AKID1\naws_secret_access_key=one\n");
    expect_failed(rig.put("a", "bytes"), ErrorClass::auth, "InvalidAccessKeyId");
    expect_failed(rig.put("a", "bytes"), ErrorClass::auth, "InvalidAccessKeyId");
    EXPECT_EQ(server.requests().size(), 1U);
    write_file(file, "[default]\naws_access_key_id=AKID2\naws_secret_access_key=two\n");
    EXPECT_TRUE(rig.put("a", "bytes").result.ok());
    EXPECT_TRUE(has(server.requests().at(1), "Credential=AKID2/"));
}

TEST(StoresS3, ExpiredCredentialsAreReadAgainOnce) {
    ScriptedStore server;
    TemporaryDirectory directory;
    const auto file = directory.path() / "credentials";
    server
        .then([&](const std::string&) {
            write_file(file, "[default]\naws_access_key_id=AKID2\naws_secret_access_key=two\n");
            return s3_error(400, "ExpiredToken");
        })
        .then(s3_stored())
        .then(s3_error(400, "ExpiredToken"));
    write_file(file, "[default]\naws_access_key_id=AKID1\naws_secret_access_key=one\n");
    Json entry = store_entry(server.endpoint(), {{"credentials_file", file.string()}});
    entry.erase("access_key_id");
    entry.erase("secret_access_key");
    StoreRig rig(Json{{"stores", Json::array({entry})}}.dump());
    EXPECT_TRUE(rig.put("a", "bytes").result.ok());
    expect_failed(rig.put("b", "bytes"), ErrorClass::auth, "ExpiredToken");
    EXPECT_EQ(server.requests().size(), 3U) << "the same ones are not sent again";
}

TEST(StoresS3, AThousandObjectsAreRemovedWithOneRequest) {
    ScriptedStore server;
    server.then(reply(200,
                      "<DeleteResult><Error><Key>key 7</Key><Code>InternalError</Code><Message>m</Message></Error>"
                      "<Error><Key>key 8</Key><Code>AccessDenied</Code><Message>m</Message></Error></DeleteResult>"));
    StoreRig rig(stores_frame(server.endpoint()));
    std::vector<std::string> keys;
    for (int i = 0; i < 1000; ++i)
        keys.push_back("key " + std::to_string(i));
    const auto end = rig.remove(keys);
    ASSERT_TRUE(end.result.ok()) << end.result.error().message;
    EXPECT_EQ(end.result->deleted.size(), 998U);
    ASSERT_EQ(end.result->failed.size(), 2U);
    EXPECT_EQ(end.result->failed[0].key, "key 7");
    EXPECT_EQ(end.result->failed[0].error.cls, ErrorClass::overloaded);
    EXPECT_EQ(end.result->failed[1].error.cls, ErrorClass::auth);
    EXPECT_EQ(server.lines().size(), 1U);
    EXPECT_TRUE(server.lines()[0].starts_with("POST /pictures/?delete=")) << server.lines()[0];
}

TEST(StoresS3, WhatXmlCannotNameIsRemovedSingly) {
    ScriptedStore server;
    server.then(reply(200, "<DeleteResult></DeleteResult>"))
        .then("HTTP/1.1 204 x\r\n\r\n")
        .then(reply(404, "<Error><Code>NoSuchKey</Code></Error>"));
    StoreRig rig(stores_frame(server.endpoint()));
    const auto end = rig.remove({"a", "b", "c\x01", "d\x02"});
    ASSERT_TRUE(end.result.ok()) << end.result.error().message;
    EXPECT_EQ(end.result->deleted, (std::vector<std::string>{"a", "b", "d\x02"}));
    EXPECT_EQ(end.result->missing, (std::vector<std::string>{"c\x01"}));
    EXPECT_EQ(server.lines().at(1), "DELETE /pictures/d%02");
}

TEST(StoresS3, WithoutDeleteObjectsAllAreRemovedSingly) {
    ScriptedStore server;
    server.then(s3_error(501, "NotImplemented")).then("HTTP/1.1 204 x\r\n\r\n");
    StoreRig rig(stores_frame(server.endpoint()));
    const auto end = rig.remove({"a", "b", "c"});
    ASSERT_TRUE(end.result.ok()) << end.result.error().message;
    EXPECT_EQ(end.result->deleted.size(), 3U);
    EXPECT_EQ(server.requests().size(), 4U);
}

}  // namespace
}  // namespace atelier::test
