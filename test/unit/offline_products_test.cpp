// What rows tell of products, without a model.
#include "provider/offline_products.hpp"

#include <gtest/gtest.h>

namespace atelier::provider {
namespace {

using core::Json;

const Json order = Json::parse(R"({
    "task": "products",
    "roomTypes": ["living_room", "bedroom", "kitchen", "unspecified"],
    "styles": ["modern", "rustic", "unspecified"],
    "products": [
        {"number": 1, "name": "Sofa Oslo", "category": "sofa", "roomTypes": ["atrium", "Living room", "bedroom"],
         "tags": ["Modern", "velvet"], "materials": ["velvet"], "colors": ["green"]},
        {"number": 2, "name": "Bed", "category": "bed", "roomTypes": ["bedroom"], "tags": ["rustic", "oak"]},
        {"number": 5, "name": "Armchair", "category": "Sofa", "roomTypes": ["living-room"], "tags": ["modern"]},
        {"number": 4, "name": "Thing", "category": null, "roomTypes": [], "tags": ["unspecified"]}]})");

Json analyzed(const Json& request) {
    const auto task = parse_products_task(request);
    EXPECT_TRUE(task.ok()) << (task.ok() ? "" : task.error().message);
    return task ? analyze_products(*task) : Json();
}

TEST(OfflineProducts, EachProductHasTheFirstOfItsRoomsThatIsKnown) {
    EXPECT_EQ(analyzed(order)["assignments"],
              Json::parse(R"([{"product": 1, "roomType": "living_room"}, {"product": 2, "roomType": "bedroom"},
                              {"product": 5, "roomType": "living_room"}, {"product": 4, "roomType": "unspecified"}])"));
}

TEST(OfflineProducts, TypesAndStylesAreTheMostFrequentFirst) {
    const Json analysis = analyzed(order);
    EXPECT_EQ(analysis["productTypes"], (Json{"sofa", "bed"}));
    EXPECT_EQ(analysis["suggestedStyles"], (Json{"modern", "rustic"}));
}

TEST(OfflineProducts, KeywordsComeInTurnAndAreFew) {
    EXPECT_EQ(analyzed(order)["recommendedInspirationKeywords"],
              (Json{"sofa", "Modern", "living room", "bed", "velvet", "bedroom", "rustic", "oak", "unspecified"}));
    Json many = order;
    for (int i = 0; i < 40; ++i)
        many["products"][1]["tags"].push_back("tag" + std::to_string(i));
    EXPECT_EQ(analyzed(many)["recommendedInspirationKeywords"].size(), 10U);
}

TEST(OfflineProducts, AWordIsWrittenAsItStandsInTheVocabularyFirst) {
    Json spelled = order;
    spelled["roomTypes"] = {"Living Room", "living_room", "Bedroom"};
    spelled["styles"] = {"MODERN", "modern"};
    const Json analysis = analyzed(spelled);
    EXPECT_EQ(analysis["assignments"][0]["roomType"], "Living Room");
    EXPECT_EQ(analysis["assignments"][1]["roomType"], "Bedroom");
    EXPECT_EQ(analysis["suggestedStyles"], (Json{"MODERN"}));
}

TEST(OfflineProducts, ANumberIsEnough) {
    Json bare = order;
    bare["products"] = Json::parse(R"([{"number": 7}])");
    EXPECT_EQ(analyzed(bare), Json::parse(R"({"assignments": [{"product": 7, "roomType": "unspecified"}],
        "productTypes": [], "suggestedStyles": [], "recommendedInspirationKeywords": []})"));
}

TEST(OfflineProducts, WhatIsNoSuchOrderIsRefusedByName) {
    const std::tuple<const char*, Json, const char*> changes[] = {
        {"/roomTypes", Json::array(), "roomTypes"},
        {"/roomTypes", nullptr, "roomTypes"},
        {"/styles", "modern", "styles"},
        {"/styles", {1}, "styles"},
        {"/products", Json::object(), "products"},
        {"/products", Json::array(), "products"},
        {"/products", Json(std::vector<Json>(1001, Json::object())), "more than 1000"},
        {"/products/0", 3, "number"},
        {"/products/0/number", 0, "number"},
        {"/products/0/number", -1, "number"},
        {"/products/0/number", "1", "number"},
        {"/products/1/number", 1, "product 1 of the order is there twice"},
        {"/products/1/name", 3, "the name of product 2"},
        {"/products/1/category", std::string(2001, 'x'), "the category of product 2"},
        {"/products/1/roomTypes", "bedroom", "the roomTypes of product 2"},
        {"/products/1/tags", {"a", nullptr}, "the tags of product 2"},
        {"/products/1/tags", std::vector<std::string>(1001, "a"), "the tags of product 2"},
        {"/products/1/materials", 3, "the materials of product 2"},
        {"/products/1/colors", {3}, "the colors of product 2"},
    };
    for (const auto& [pointer, value, part] : changes) {
        Json changed = order;
        changed[Json::json_pointer(pointer)] = value;
        const auto task = parse_products_task(Json::parse(changed.dump()));
        ASSERT_FALSE(task.ok()) << pointer;
        EXPECT_EQ(task.error().cls, core::ErrorClass::invalid_request);
        EXPECT_NE(task.error().message.find(part), std::string::npos) << task.error().message;
    }
}

}  // namespace
}  // namespace atelier::provider
