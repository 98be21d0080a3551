#include "executor/order.hpp"

#include <gtest/gtest.h>

namespace atelier::executor {
namespace {

using core::Json;

const std::string hash(64, 'a');

Json order_json(const std::string& action, Json request) {
    return {{"lease", {{"job", "j"}, {"token", 9223372036854775807}, {"tid", "(0,1)"}}},
            {"action", action},
            {"provider", "offline"},
            {"model", "compose"},
            {"timeout_ms", 1500},
            {"request", std::move(request)}};
}

Json compose_request() {
    return {
        {"prompt", "a chair"},
        {"settings", {{"style", "modern"}}},
        {"inputs", Json::array({{{"role", "product"}, {"store", "file"}, {"key", "clients/p.jpg"}, {"sha256", hash}},
                                {{"role", "scene"}, {"store", "file"}, {"key", "clients/s.jpg"}, {"sha256", hash}}})},
        {"output", {{"store", "file"}, {"key_prefix", "clients/c/generated/i"}}}};
}

void expect_refused(const Json& json, const std::string& reason) {
    const Order order = parse_order(7, json.dump());
    ASSERT_FALSE(order.request.ok()) << json.dump();
    EXPECT_EQ(order.request.error().cls, core::ErrorClass::invalid_request);
    EXPECT_NE(order.request.error().message.find(reason), std::string::npos) << order.request.error().message;
}

TEST(Order, Compose) {
    const Json json = order_json("ai.image", compose_request());
    const Order order = parse_order(7, json.dump());
    ASSERT_TRUE(order.request.ok()) << order.request.error().message;
    EXPECT_EQ(order.lease, json.at("lease"));
    EXPECT_EQ(order.timeout, core::Milliseconds{1500});
    const auto& compose = std::get<ComposeRequest>(*order.request);
    EXPECT_EQ(compose.prompt, "a chair");
    EXPECT_EQ(compose.settings.at("style"), "modern");
    ASSERT_EQ(compose.inputs.size(), 2U);
    EXPECT_EQ(compose.inputs[1].role, "scene");
    EXPECT_EQ(compose.inputs[1].object.key, "clients/s.jpg");
    EXPECT_EQ(compose.inputs[1].sha256, hash);
    EXPECT_EQ(compose.output.key_prefix, "clients/c/generated/i");
}

TEST(Order, Inspect) {
    const Order order = parse_order(7, order_json("storage.head", {{"object", {{"store", "file"}, {"key", "a/b"}}},
                                                                   {"limits", {{"max_bytes", 10}}}})
                                           .dump());
    ASSERT_TRUE(order.request.ok());
    const auto& inspect = std::get<InspectRequest>(*order.request);
    EXPECT_EQ(inspect.object.key, "a/b");
    EXPECT_EQ(inspect.limits.max_bytes, 10U);
    EXPECT_EQ(inspect.limits.max_pixels, 50'000'000U);
}

TEST(Order, Delete) {
    const Order order = parse_order(
        7, order_json("storage.delete", {{"objects", Json::array({{{"store", "file"}, {"key", "a"}}})}}).dump());
    ASSERT_TRUE(order.request.ok());
    EXPECT_EQ(std::get<DeleteRequest>(*order.request).keys, std::vector<std::string>{"a"});
}

Json ai_order(const std::string& action) {
    Json json = order_json(action, compose_request());
    json["provider"] = "studio_gemini";
    json["model"] = "some-model";
    json["request"]["system"] = "be brief";
    json["request"]["schema"] = {{"type", "object"}};
    json["request"]["parameters"] = {{"aspect_ratio", "16:9"}};
    return json;
}

TEST(Order, OfAConfiguredProvider) {
    const Order order = parse_order(7, ai_order("ai.image").dump());
    ASSERT_TRUE(order.request.ok()) << order.request.error().message;
    const auto& ai = std::get<AiRequest>(*order.request);
    EXPECT_EQ(ai.provider, "studio_gemini");
    EXPECT_EQ(ai.task, provider::Task::image);
    EXPECT_EQ(ai.model, "some-model");
    EXPECT_EQ(ai.prompt, "a chair");
    EXPECT_EQ(ai.system, "be brief");
    EXPECT_EQ(ai.schema, (Json{{"type", "object"}}));
    EXPECT_EQ(ai.parameters, (Json{{"aspect_ratio", "16:9"}}));
    ASSERT_EQ(ai.inputs.size(), 2U);
    EXPECT_EQ(ai.inputs[0].object.key, "clients/p.jpg");
    EXPECT_EQ(ai.output.key_prefix, "clients/c/generated/i");
}

TEST(Order, OfTextNeedsAPromptOnly) {
    Json json = ai_order("ai.text");
    json["request"] = {{"prompt", "a haiku"}, {"schema", nullptr}};
    const Order order = parse_order(7, json.dump());
    ASSERT_TRUE(order.request.ok()) << order.request.error().message;
    const auto& ai = std::get<AiRequest>(*order.request);
    EXPECT_EQ(ai.task, provider::Task::text);
    EXPECT_TRUE(ai.schema.is_null());
    EXPECT_EQ(ai.parameters, Json::object());
    EXPECT_TRUE(ai.inputs.empty());
}

TEST(Order, EachPartOfAnAiOrderIsChecked) {
    const auto change = [](const char* pointer, const Json& value) {
        Json json = ai_order("ai.image");
        json[Json::json_pointer(pointer)] = value;
        return json;
    };
    expect_refused(change("/model", ""), "model");
    expect_refused(change("/model", std::string(201, 'm')), "model");
    expect_refused(change("/provider", ""), "provider");
    expect_refused(change("/request/prompt", ""), "prompt");
    expect_refused(change("/request/schema", "object"), "schema");
    expect_refused(change("/request/parameters", Json::array()), "parameters");
    expect_refused(change("/request/inputs", 1), "inputs");
    expect_refused(change("/request/inputs", Json(std::vector<Json>(17, Json::object()))), "inputs");
    expect_refused(change("/request/inputs/0/sha256", "00"), "sha256");
    expect_refused(change("/request/output", nullptr), "output");
    expect_refused(change("/request/output/key_prefix", "../x"), "..");
}

Json scene_request() {
    return {{"task", "scene"},
            {"inputs", Json::array({{{"role", "scene"},
                                     {"store", "media"},
                                     {"bucket", "pictures"},
                                     {"key", "clients/s.jpg"},
                                     {"sha256", hash}}})}};
}

TEST(Order, OfAnOfflineAnalysis) {
    const Order scene = parse_order(7, order_json("ai.json", scene_request()).dump());
    ASSERT_TRUE(scene.request.ok()) << scene.request.error().message;
    const InputPicture& input = std::get<MeasureRequest>(*scene.request).input;
    EXPECT_EQ(input.object.bucket, "pictures");
    EXPECT_EQ(input.object.key, "clients/s.jpg");
    EXPECT_EQ(input.sha256, hash);
    const Order products = parse_order(7, order_json("ai.json", {{"task", "products"},
                                                                 {"roomTypes", {"kitchen"}},
                                                                 {"styles", {"modern"}},
                                                                 {"products", Json::array({{{"number", 3}}})}})
                                              .dump());
    ASSERT_TRUE(products.request.ok()) << products.request.error().message;
    EXPECT_EQ(std::get<ProductsRequest>(*products.request).task.products.front().number, 3U);
}

TEST(Order, EachPartOfAnOfflineAnalysisIsChecked) {
    const auto change = [](const char* name, const Json& value) {
        Json request = scene_request();
        request[name] = value;
        return order_json("ai.json", request);
    };
    expect_refused(change("task", nullptr), "names no task");
    expect_refused(change("task", "poem"), "no task \"poem\"");
    expect_refused(change("task", "products"), "roomTypes");
    expect_refused(change("inputs", nullptr), "one input");
    expect_refused(change("inputs", Json::array()), "one input");
    Json two = scene_request()["inputs"];
    two.push_back(two.front());
    expect_refused(change("inputs", two), "one input");
    two.erase(1);
    two[0]["sha256"] = "00";
    expect_refused(change("inputs", two), "sha256");
    two[0] = {{"role", "scene"}, {"store", "file"}, {"key", "../x"}, {"sha256", hash}};
    expect_refused(change("inputs", two), "..");
}

TEST(Order, UnknownActionsAreNamed) {
    expect_refused(order_json("ai.video", Json::object()), "\"ai.video\"");
    expect_refused(order_json("ai.text", compose_request()), "writes no texts");
}

TEST(Order, WithoutALeaseTheAttemptIsEchoed) {
    for (const char* payload : {"", "[", "[]", "{\"lease\":3}", "{}", "\xff"}) {
        const Order order = parse_order(7, payload);
        EXPECT_EQ(order.lease, (Json{{"attempt", 7}})) << payload;
        EXPECT_FALSE(order.request.ok());
    }
    Json long_lease = order_json("ai.image", compose_request());
    long_lease["lease"]["job"] = std::string(20'000, 'x');
    EXPECT_EQ(parse_order(7, long_lease.dump()).lease, (Json{{"attempt", 7}}));
}

TEST(Order, TwoMillionBracketsAreRefused) {
    const std::string payload = "{\"lease\":" + std::string(2'000'000, '[');
    EXPECT_FALSE(parse_order(7, payload).request.ok());
}

TEST(Order, TimeoutsOutOfRangeAreRefusedWithTheLeaseEchoed) {
    for (const Json& timeout : {Json(0), Json(-5), Json("5"), Json(86'400'001), Json(1.5), Json(nullptr)}) {
        Json json = order_json("ai.image", compose_request());
        json["timeout_ms"] = timeout;
        expect_refused(json, "timeout_ms");
        EXPECT_EQ(parse_order(7, json.dump()).lease, json.at("lease"));
    }
}

TEST(Order, EachPartOfAComposeOrderIsChecked) {
    const auto change = [](const char* pointer, const Json& value) {
        Json json = order_json("ai.image", compose_request());
        json[Json::json_pointer(pointer)] = value;
        return json;
    };
    expect_refused(change("/request", nullptr), "request");
    expect_refused(change("/request/prompt", 1), "prompt");
    expect_refused(change("/request/settings", Json::array()), "settings");
    expect_refused(change("/request/inputs", Json::array()), "input");
    expect_refused(change("/request/inputs", Json(Json::array_t(9, compose_request()["inputs"][0]))), "too many");
    expect_refused(change("/request/inputs/0/store", "s3"), "\"s3\"");
    expect_refused(change("/request/inputs/0/key", "../x"), "..");
    expect_refused(change("/request/inputs/0/sha256", "abc"), "sha256");
    expect_refused(change("/request/inputs/0/role", ""), "role");
    expect_refused(change("/request/output/store", "s3"), "store");
    expect_refused(change("/request/output/key_prefix", "a/"), "prefix");
    expect_refused(change("/request/output/key_prefix", "/a"), "relative");
    expect_refused(change("/request/output/key_prefix", std::string(253, 'a')), "255");
    expect_refused(change("/action", 1), "action");
}

TEST(Order, LimitsOutOfRangeAreRefused) {
    for (const Json& limits : {Json(1), Json{{"max_bytes", 0}}, Json{{"max_bytes", -1}}, Json{{"max_pixels", "5"}},
                               Json{{"max_pixels", 2'000'000'000}}}) {
        expect_refused(order_json("storage.head", {{"object", {{"store", "file"}, {"key", "a"}}}, {"limits", limits}}),
                       "limit");
    }
}

TEST(Order, ObjectsOfOtherStoresNameTheirBucket) {
    Json json = order_json("ai.image", compose_request());
    json["request"]["inputs"][0].update({{"store", "media"}, {"bucket", "pictures"}});
    json["request"]["output"].update({{"store", "media"}, {"bucket", "new-pictures"}});
    const Order order = parse_order(7, json.dump());
    ASSERT_TRUE(order.request.ok()) << order.request.error().message;
    const auto& compose = std::get<ComposeRequest>(*order.request);
    EXPECT_EQ(compose.inputs[0].object.store, "media");
    EXPECT_EQ(compose.inputs[0].object.bucket, "pictures");
    EXPECT_EQ(compose.inputs[1].object.bucket, "");
    EXPECT_EQ(compose.output.store, "media");
    EXPECT_EQ(compose.output.bucket, "new-pictures");
    EXPECT_EQ(to_json(compose.inputs[0].object),
              (Json{{"store", "media"}, {"bucket", "pictures"}, {"key", "clients/p.jpg"}}));
    for (const Json& bucket : {Json(nullptr), Json(""), Json(1), Json(std::string(256, 'b'))}) {
        json["request"]["output"]["bucket"] = bucket;
        expect_refused(json, "\"media\" names no bucket");
    }
    json["request"]["output"].update({{"store", "file"}, {"bucket", "b"}});
    expect_refused(json, "no buckets");
}

TEST(Order, WhatIsExpectedOfAnObject) {
    Json request{{"object", {{"store", "file"}, {"key", "a"}}}};
    request["expect"] = {{"mime", "image/png"}, {"size", 7}, {"sha256", hash}};
    const Order order = parse_order(7, order_json("storage.head", request).dump());
    ASSERT_TRUE(order.request.ok()) << order.request.error().message;
    const Expectation& expect = std::get<InspectRequest>(*order.request).expect;
    EXPECT_EQ(expect.mime, "image/png");
    EXPECT_EQ(expect.size, 7U);
    EXPECT_EQ(expect.sha256, hash);
    request["expect"] = {{"size", nullptr}, {"sha256", nullptr}};
    EXPECT_TRUE(parse_order(7, order_json("storage.head", request).dump()).request.ok());
    request["expect"] = {{"size", -1}};
    expect_refused(order_json("storage.head", request), "size");
    request["expect"] = {{"sha256", "00"}};
    expect_refused(order_json("storage.head", request), "sha256");
    request["expect"] = 1;
    expect_refused(order_json("storage.head", request), "expect");
}

TEST(Order, Move) {
    const Json request{{"source", {{"store", "file"}, {"key", "a"}, {"sha256", hash}, {"size", 7}}},
                       {"mime", "image/png"},
                       {"target", {{"store", "media"}, {"bucket", "b"}, {"key", "c"}}}};
    const Order order = parse_order(7, order_json("storage.put", request).dump());
    ASSERT_TRUE(order.request.ok()) << order.request.error().message;
    const auto& move = std::get<MoveRequest>(*order.request);
    EXPECT_EQ(move.source.key, "a");
    EXPECT_EQ(move.size, 7U);
    EXPECT_EQ(move.sha256, hash);
    EXPECT_EQ(move.mime, "image/png");
    EXPECT_EQ(move.target.store, "media");
    for (const char* member : {"/source", "/source/sha256", "/source/size", "/mime", "/target", "/target/key"}) {
        Json changed = request;
        changed[Json::json_pointer(member)] = nullptr;
        EXPECT_FALSE(parse_order(7, order_json("storage.put", changed).dump()).request.ok()) << member;
    }
}

TEST(Order, DeletionsAreOfOneBucket) {
    const Json one{{"store", "media"}, {"bucket", "a"}, {"key", "k"}};
    const Json other{{"store", "media"}, {"bucket", "b"}, {"key", "k"}};
    const Order order = parse_order(7, order_json("storage.delete", {{"objects", Json::array({one, one})}}).dump());
    ASSERT_TRUE(order.request.ok());
    EXPECT_EQ(std::get<DeleteRequest>(*order.request).bucket, "a");
    expect_refused(order_json("storage.delete", {{"objects", Json::array({one, other})}}), "one bucket");
}

TEST(Order, Listings) {
    const Json request{
        {"store", "media"}, {"bucket", "b"}, {"prefix", "clients/"}, {"after", "clients/x/"}, {"limit", 7}};
    const Order order = parse_order(7, order_json("storage.list", request).dump());
    ASSERT_TRUE(order.request.ok()) << order.request.error().message;
    const auto& listing = std::get<ListRequest>(*order.request);
    EXPECT_EQ(listing.store, "media");
    EXPECT_EQ(listing.bucket, "b");
    EXPECT_EQ(listing.wish.prefix, "clients/");
    EXPECT_EQ(listing.wish.after, "clients/x/");
    EXPECT_EQ(listing.wish.limit, 7U);
    const Order all = parse_order(7, order_json("storage.list", {{"store", "file"}}).dump());
    ASSERT_TRUE(all.request.ok());
    EXPECT_EQ(std::get<ListRequest>(*all.request).wish.limit, 1000U);
}

TEST(Order, ListingsAreBounded) {
    const auto refused = [](const char* member, const Json& value, const std::string& words) {
        Json request{{"store", "file"}};
        request[member] = value;
        expect_refused(order_json("storage.list", request), words);
    };
    refused("store", nullptr, "store");
    refused("store", "media", "bucket");
    refused("bucket", "b", "no buckets");
    refused("prefix", "../", "\"..\"");
    refused("prefix", "/etc/", "relative");
    refused("prefix", "a//", "empty part");
    refused("prefix", 1, "prefix");
    refused("after", std::string(1025, 'a'), "after");
    refused("after", std::string("a\0b", 3), "U+0000");
    refused("limit", 0, "limit");
    refused("limit", 1001, "1000");
    expect_refused(order_json("storage.list", {{"store", "unsplash"}, {"url", "https://example.org/a"}}), "library");
}

TEST(Order, DeletionsAreBounded) {
    Json objects = Json::array();
    expect_refused(order_json("storage.delete", {{"objects", objects}}), "no objects");
    for (int i = 0; i < 1001; ++i)
        objects.push_back({{"store", "file"}, {"key", "k"}});
    expect_refused(order_json("storage.delete", {{"objects", objects}}), "more than 1000");
    objects = Json::array();
    for (int i = 0; i < 999; ++i)
        objects.push_back({{"store", "file"}, {"key", std::string(200, 'k') + "/" + std::string(100, 'k')}});
    expect_refused(order_json("storage.delete", {{"objects", objects}}), "256 KiB");
}

}  // namespace
}  // namespace atelier::executor
