// Answers judged by the schema that was asked for: good ones pass, hostile ones are told apart and harm nobody.
#include "provider/json_schema.hpp"

#include <gtest/gtest.h>

#include "core/text.hpp"

namespace atelier::provider {
namespace {

using core::ErrorClass;
using core::Json;

// As in the analysis of products.
const Json assignments = Json::parse(R"({
    "type": "object", "required": ["assignments", "productTypes"], "additionalProperties": false,
    "properties": {
        "assignments": {"type": "array", "items": {
            "type": "object", "required": ["product", "roomType"], "additionalProperties": false,
            "properties": {
                "product": {"type": "integer", "description": "its number"},
                "roomType": {"type": "string", "enum": ["kitchen", "bedroom", "unspecified"]}}}},
        "productTypes": {"type": "array", "items": {"type": "string"}}}})");

std::string refusal(const Json& schema) {
    const auto checked = check_json_schema(schema);
    if (checked) return "";
    EXPECT_EQ(checked.error().cls, ErrorClass::invalid_request);
    EXPECT_TRUE(core::is_storable_text(checked.error().message));
    return checked.error().message;
}

std::string mismatch(const Json& value, const Json& schema) {
    EXPECT_EQ(refusal(schema), "");
    const auto matched = match_json_schema(value, schema);
    if (matched) return "";
    EXPECT_EQ(matched.error().cls, ErrorClass::invalid_output);
    EXPECT_TRUE(core::is_storable_text(matched.error().message));
    EXPECT_LE(matched.error().message.size(), 600U);
    const std::string begin = "the answer does not match its schema at ";
    EXPECT_TRUE(matched.error().message.starts_with(begin)) << matched.error().message;
    return matched.error().message.substr(begin.size());
}

std::string mismatch(const char* text, const Json& schema) {
    return mismatch(Json::parse(text), schema);
}

TEST(JsonSchema, AnAnswerOfTheFormThatWasAskedForPasses) {
    EXPECT_EQ(mismatch(R"({"assignments": [], "productTypes": []})", assignments), "");
    EXPECT_EQ(mismatch(R"({"productTypes": ["sofa", "\u00e9tag\u00e8re"],
                           "assignments": [{"product": 1, "roomType": "kitchen"}]})",
                       assignments),
              "");
    EXPECT_EQ(mismatch("[]", Json::object()), "");
}

TEST(JsonSchema, TheMessageNamesThePlaceAndWhatWasExpected) {
    EXPECT_EQ(mismatch(R"({"assignments": [{"product": 1, "roomType": "kitchen"}, {"product": "2", "roomType": "x"}],
                           "productTypes": []})",
                       assignments),
              R"(/assignments/1/product: expected type "integer", found "2")");
    EXPECT_EQ(mismatch(R"({"assignments": [{"product": 1, "roomType": "cellar"}], "productTypes": []})", assignments),
              R"(/assignments/0/roomType: expected enum ["kitchen","bedroom","unspecified"], found "cellar")");
    EXPECT_EQ(mismatch(R"({"assignments": []})", assignments), R"(its root: the member "productTypes" is missing)");
    EXPECT_EQ(mismatch(R"({"assignments": [], "productTypes": [], "remark": "hello"})", assignments),
              R"(its root: the member "remark" is not expected)");
    EXPECT_EQ(mismatch("[1]", assignments), R"(its root: expected type "object", found [1])");
    EXPECT_EQ(mismatch(R"({"assignments": null, "productTypes": []})", assignments),
              R"(/assignments: expected type "array", found null)");
}

TEST(JsonSchema, EachKeywordThatIsListedIsChecked) {
    const struct {
        const char* schema;
        const char* good;
        const char* bad;
    } cases[] = {
        {R"({"type": ["string", "null"]})", "null", "3"},
        {R"({"type": "number"})", "3", "\"3\""},
        {R"({"type": "boolean"})", "true", "1"},
        {R"({"enum": [1, "a", null, {"b": []}]})", R"({"b": []})", R"({"b": [1]})"},
        {R"({"const": "a"})", "\"a\"", "\"b\""},
        {R"({"required": ["a"]})", R"({"a": null})", "{}"},
        {R"({"properties": {"a": {"type": "string"}}})", R"({"b": 1})", R"({"a": 1})"},
        {R"({"properties": {"a": false}})", R"({"b": 1})", R"({"a": 1})"},
        {R"({"additionalProperties": {"type": "string"}})", R"({"b": "1"})", R"({"b": 1})"},
        {R"({"items": {"type": "string"}})", R"(["a"])", R"(["a", 1])"},
        {R"({"items": false})", "[]", "[1]"},
        {R"({"minItems": 1})", "[1]", "[]"},
        {R"({"maxItems": 1})", "[1]", "[1, 2]"},
        {R"({"minProperties": 1})", R"({"a": 1})", "{}"},
        {R"({"maxProperties": 1})", R"({"a": 1})", R"({"a": 1, "b": 2})"},
        {R"({"minLength": 2})", R"("ab")", R"("\u00e9")"},
        {R"({"maxLength": 1})", R"("\u00e9")", R"("ab")"},
        {R"({"minimum": 1})", "1", "0.99"},
        {R"({"maximum": 1})", "1", "1.01"},
        {R"({"exclusiveMinimum": 1})", "1.01", "1"},
        {R"({"exclusiveMaximum": 1})", "0.99", "1"},
        {R"({"multipleOf": 2})", "4", "4.5"},
        {R"({"multipleOf": 0.5})", "1.5", "1.25"},
        {R"({"allOf": [{"minimum": 1}, {"maximum": 2}]})", "2", "3"},
        {R"({"anyOf": [{"type": "string"}, {"maximum": 2}]})", "2", "3"},
        {R"({"oneOf": [{"minimum": 1}, {"minimum": 2}]})", "1", "3"},
        {R"({"not": {"type": "string"}})", "1", "\"a\""},
        {R"({"$ref": "#/$defs/word", "$defs": {"word": {"type": "string"}}})", "\"a\"", "1"},
        {R"({"$ref": "#/$defs/a~1b", "maxLength": 1, "$defs": {"a/b": {"type": "string"}}})", "\"a\"", "1"},
    };
    for (const auto& [schema, good, bad] : cases) {
        EXPECT_EQ(mismatch(good, Json::parse(schema)), "") << schema;
        EXPECT_NE(mismatch(bad, Json::parse(schema)), "") << schema;
    }
}

TEST(JsonSchema, NamesOfMembersAreNoKeywords) {
    const Json schema = Json::parse(R"({"type": "object", "properties": {
        "pattern": {"type": "string"}, "$ref": {"type": "string"}, "a": {"items": {"type": "string"}},
        "a/items": {"type": "integer"}, "enum": {"enum": [{"pattern": 1}]}}})");
    EXPECT_EQ(mismatch(R"({"pattern": "x", "$ref": "y", "a": ["z"], "a/items": 1})", schema), "");
    EXPECT_NE(mismatch(R"({"pattern": 1})", schema), "");
    EXPECT_NE(mismatch(R"({"a/items": "z"})", schema), "");
    EXPECT_NE(mismatch(R"({"a": [1]})", schema), "");
}

TEST(JsonSchema, AWholeNumberIsAnIntegerHoweverItIsWritten) {
    EXPECT_EQ(
        mismatch(R"({"assignments": [{"product": 1.0, "roomType": "kitchen"}], "productTypes": []})", assignments), "");
    const Json integer = Json::parse(R"({"type": "integer"})");
    for (const char* good : {"0.0", "-0.0", "-3.0", "1e3", "9007199254740992.0", "-9007199254740992.0"})
        EXPECT_EQ(mismatch(good, integer), "") << good;
    for (const char* bad : {"1.5", "1e-1", "1e300", "9007199254740994.0"})
        EXPECT_NE(mismatch(bad, integer), "") << bad;
    EXPECT_EQ(mismatch("[1, 2]", Json::parse(R"({"minItems": 2.0})")), "");
    EXPECT_EQ(mismatch(R"({"a": [1.0]})", Json::parse(R"({"enum": [{"a": [1]}]})")), "");
}

TEST(JsonSchema, LimitsBeyond64BitsAreThoseThatWereWritten) {
    for (const char* schema : {R"({"maximum": 18446744073709551615})", R"({"exclusiveMaximum": 9223372036854775808})",
                               R"({"minimum": 0, "maximum": 18446744073709551615, "type": "integer"})"})
        EXPECT_EQ(mismatch("5", Json::parse(schema)), "") << schema;
    EXPECT_NE(mismatch("5", Json::parse(R"({"minimum": 9223372036854775808})")), "");
    for (const char* schema : {R"({"enum": [18446744073709551615]})", R"({"const": 18446744073709551615})"}) {
        EXPECT_EQ(mismatch("18446744073709551615", Json::parse(schema)), "") << schema;
        EXPECT_NE(mismatch("-1", Json::parse(schema)), "") << schema;
    }
}

TEST(JsonSchema, NullableAllowsNull) {
    const Json text = Json::parse(R"({"type": "string", "nullable": true})");
    EXPECT_EQ(mismatch("null", text), "");
    EXPECT_EQ(mismatch("\"a\"", text), "");
    EXPECT_EQ(mismatch("3", text), R"(its root: expected type ["string","null"], found 3)");
    const Json word = Json::parse(R"({"type": ["string", "null"], "enum": ["a"], "nullable": true})");
    EXPECT_EQ(mismatch("null", word), "");
    EXPECT_NE(mismatch("\"b\"", word), "");
    EXPECT_NE(mismatch("null", Json::parse(R"({"type": "string", "nullable": false})")), "");
    EXPECT_EQ(mismatch(R"({"nullable": 1})", Json::parse(R"({"properties": {"nullable": {"type": "integer"}}})")), "");
}

TEST(JsonSchema, ThePlaceIsAJsonPointer) {
    const Json schema =
        Json::parse(R"({"properties": {"a/b": {"items": {"type": "string"}}, "~": {"type": "string"}}})");
    EXPECT_EQ(mismatch(R"({"a/b": ["x", 1]})", schema), R"(/a~1b/1: expected type "string", found 1)");
    EXPECT_EQ(mismatch(R"({"~": 1})", schema), R"(/~0: expected type "string", found 1)");
    EXPECT_NE(refusal(Json::parse(R"({"properties": {"a/b~": {"type": 3}}})")).find("/properties/a~1b~0/type"),
              std::string::npos);
}

TEST(JsonSchema, WordsThatAssertNothingArePassedOver) {
    EXPECT_EQ(mismatch("\"yesterday\"", Json::parse(R"({"type": "string", "format": "date", "title": 3, "x": []})")),
              "");
}

TEST(JsonSchema, OneThatAnswersCannotBeCheckedAgainstIsRefused) {
    const std::pair<const char*, const char*> cases[] = {
        {R"("text")", "no object"},
        {R"({"type": "text"})", "/type"},
        {R"({"type": []})", "/type"},
        {R"({"enum": []})", "/enum"},
        {R"({"required": "a"})", "/required"},
        {R"({"properties": []})", "/properties"},
        {R"({"properties": {"a": {"items": {"type": 3}}}})", "/properties/a/items/type"},
        {R"({"items": [{}]})", "/items"},
        {R"({"anyOf": []})", "/anyOf"},
        {R"({"minItems": -1})", "/minItems"},
        {R"({"minItems": 99999999999999999999})", "/minItems"},
        {R"({"minimum": "1"})", "/minimum"},
        {R"({"multipleOf": 0})", "/multipleOf"},
        {R"({"type": "string", "nullable": "true"})", "/nullable"},
        {R"({"anyOf": [{"type": "string"}], "nullable": true})", "/nullable"},
        {R"({"properties": {"a": {"pattern": "^a"}}})", "\"pattern\" is not supported"},
        {R"({"uniqueItems": true})", "\"uniqueItems\" is not supported"},
        {R"({"if": {}, "then": {}})", "is not supported"},
        {R"({"$ref": "http://127.0.0.1/schema.json"})", "$ref"},
        {R"({"$ref": "file:///etc/passwd"})", "$ref"},
        {R"({"$ref": "#/$defs/none"})", "$ref"},
        {R"({"$ref": "#no-pointer"})", "$ref"},
        {R"({"$ref": "#/~2"})", "$ref"},
        {R"({"$ref": 3})", "$ref"},
        {R"({"$ref": "#"})", "refers to itself"},
        {R"({"properties": {"a": {"$ref": "#"}}})", "refers to itself"},
    };
    for (const auto& [schema, part] : cases)
        EXPECT_NE(refusal(Json::parse(schema)).find(part), std::string::npos)
            << schema << ": " << refusal(Json::parse(schema));
}

TEST(JsonSchema, ItsSizeIsBounded) {
    EXPECT_NE(refusal({{"description", std::string(max_schema_bytes, 'x')}}), "");
    Json deep = {{"type", "string"}};
    for (int i = 0; i < 70; ++i)
        deep = {{"type", "array"}, {"items", deep}};
    EXPECT_NE(refusal(deep), "");
    // Each names the one before it twice: 2^20 schemas.
    Json laughs = {{"$defs", {{"0", {{"type", "string"}}}}}, {"$ref", "#/$defs/20"}};
    for (int i = 1; i <= 20; ++i) {
        const Json before = {{"$ref", "#/$defs/" + std::to_string(i - 1)}};
        laughs["$defs"][std::to_string(i)] = {{"items", before}, {"additionalProperties", before}};
    }
    EXPECT_NE(refusal(laughs).find("too long"), std::string::npos);
}

Json schemas_with_types(std::size_t count) {
    return Json(std::vector<Json>(count, Json{{"type", "string"}}));
}

// What is judged for each value of an answer.
TEST(JsonSchema, WhatIsTriedInTurnIsBounded) {
    const std::vector<int> most(max_enum_entries, 7);
    EXPECT_EQ(refusal({{"items", {{"enum", most}}}}), "");
    EXPECT_NE(refusal({{"items", {{"enum", most}}}, {"not", {{"enum", {1}}}}}).find("1000 entries of enum"),
              std::string::npos);
    for (const char* keyword : {"allOf", "anyOf", "oneOf"}) {
        EXPECT_EQ(refusal({{"items", {{keyword, schemas_with_types(max_schema_branches)}}}}), "") << keyword;
        EXPECT_NE(refusal({{"items", {{keyword, schemas_with_types(max_schema_branches + 1)}}}})
                      .find("/items/" + std::string(keyword) + ": more than 500 schemas"),
                  std::string::npos)
            << keyword;
    }
    Json properties = Json::object();
    for (std::size_t i = 0; i < max_schema_properties; ++i)
        properties["p" + std::to_string(i)] = Json::object();
    EXPECT_EQ(refusal({{"properties", properties}}), "");
    properties["one more"] = true;
    EXPECT_NE(refusal({{"properties", properties}}).find("2000 properties"), std::string::npos);
    // As it is after each $ref.
    const Json words{{"enum", std::vector<int>(max_enum_entries / 2, 7)}};
    const Json word{{"$ref", "#/$defs/word"}};
    EXPECT_EQ(refusal({{"$defs", {{"word", words}}}, {"properties", {{"a", word}, {"b", word}}}}), "");
    EXPECT_NE(refusal({{"$defs", {{"word", words}}}, {"properties", {{"a", word}, {"b", word}, {"c", word}}}}), "");
}

// Deep, large and wrong at its very end: not all of it is judged again for each step to there.
TEST(JsonSchema, TheWayToABreachIsBounded) {
    Json schema{{"items", {{"type", "string"}}}};
    std::vector<std::string> texts(100'000, "a");
    Json answer = texts;
    answer.push_back(3);
    EXPECT_EQ(mismatch(answer, schema), R"(/100000: expected type "string", found 3)");
    for (int i = 0; i < 50; ++i) {
        schema = {{"items", schema}};
        answer = Json::array({answer});
    }
    const std::string message = mismatch(answer, schema);
    EXPECT_TRUE(message.starts_with("/0/0/0/")) << message;
    EXPECT_LT(message.substr(0, message.find(':')).size(), 50U) << message;
}

TEST(JsonSchema, HostileAnswersAreToldShortly) {
    Json deep = "x";
    for (int i = 0; i < 63; ++i)
        deep = Json::array({deep});
    EXPECT_TRUE(mismatch(deep, assignments).starts_with("its root: expected type"));

    const Json long_text(std::string(900'000, 'x'));
    EXPECT_EQ(mismatch({{"assignments", long_text}, {"productTypes", Json::array()}}, assignments),
              "/assignments: expected type \"array\", found \"" + std::string(96, 'x') + "...");

    Json huge = {{"assignments", Json::array()}, {"productTypes", std::vector<int>(300'000, 7)}};
    EXPECT_EQ(mismatch(huge, assignments), R"(/productTypes/0: expected type "string", found 7)");
    huge["productTypes"] = std::vector<std::string>(200'000, "a");
    EXPECT_EQ(mismatch(huge, assignments), "");

    Json crowd = {{"assignments", Json::array()}, {"productTypes", Json::array()}};
    for (int i = 0; i < 100'000; ++i)
        crowd["m" + std::to_string(i)] = i;
    EXPECT_EQ(mismatch(crowd, assignments), R"(its root: the member "m0" is not expected)");
    const Json texts_only{{"additionalProperties", {{"type", "string"}}}};
    EXPECT_NE(mismatch(crowd, texts_only), "");
}

TEST(JsonSchema, HostileNumbersAreNumbers) {
    const Json schema = Json::parse(R"({"items": {"type": "integer", "minimum": 1, "maximum": 100}})");
    for (const char* bad : {"[0]", "[-1]", "[101]", "[1.5]", "[1e300]", "[-1e300]", "[18446744073709551615]",
                            "[9223372036854775808]", "[-9223372036854775808]", "[1e-300]"})
        EXPECT_NE(mismatch(bad, schema), "") << bad;
    EXPECT_EQ(mismatch("[1, 100]", schema), "");
    EXPECT_NE(mismatch("[1e308]", Json::parse(R"({"items": {"multipleOf": 7}})")), "[");
    EXPECT_EQ(mismatch("[18446744073709551615]", Json::parse(R"({"items": {"type": "number"}})")), "");
}

TEST(JsonSchema, UnicodeIsQuotedWhole) {
    std::string umlauts;
    for (int i = 0; i < 200; ++i)
        umlauts += "\xc3\xa4";
    const Json value = {{"assignments", umlauts}, {"productTypes", Json::array()}};
    EXPECT_NE(mismatch(value, assignments).find("\xc3\xa4"), std::string::npos);
    EXPECT_EQ(mismatch({{"\xf0\x9f\x98\x80", 1}}, {{"additionalProperties", false}}),
              "its root: the member \"\xf0\x9f\x98\x80\" is not expected");
}

}  // namespace
}  // namespace atelier::provider
