#include "provider/schema_expansion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "core/text.hpp"
#include "provider/json_schema.hpp"

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

constexpr std::size_t bytes_of_schema = 100;  // what an empty one costs
constexpr std::size_t max_quoted_bytes = 100;
constexpr const char* too_long = "the schema is too long, once each $ref is replaced by what it names";

constexpr std::array<std::string_view, 7> types{"string", "number", "integer", "boolean", "object", "array", "null"};

enum class Form { plain, schema, schemas, members };

struct Keyword {
    std::string_view name;
    Form form;
};

constexpr std::array keywords{Keyword{"type", Form::plain},
                              Keyword{"enum", Form::plain},
                              Keyword{"const", Form::plain},
                              Keyword{"required", Form::plain},
                              Keyword{"minItems", Form::plain},
                              Keyword{"maxItems", Form::plain},
                              Keyword{"minProperties", Form::plain},
                              Keyword{"maxProperties", Form::plain},
                              Keyword{"minLength", Form::plain},
                              Keyword{"maxLength", Form::plain},
                              Keyword{"minimum", Form::plain},
                              Keyword{"maximum", Form::plain},
                              Keyword{"exclusiveMinimum", Form::plain},
                              Keyword{"exclusiveMaximum", Form::plain},
                              Keyword{"multipleOf", Form::plain},
                              Keyword{"items", Form::schema},
                              Keyword{"additionalProperties", Form::schema},
                              Keyword{"not", Form::schema},
                              Keyword{"allOf", Form::schemas},
                              Keyword{"anyOf", Form::schemas},
                              Keyword{"oneOf", Form::schemas},
                              Keyword{"properties", Form::members}};

// They assert something, in draft 7 or a later one.
constexpr std::array<std::string_view, 20> unchecked{"pattern",
                                                     "patternProperties",
                                                     "uniqueItems",
                                                     "contains",
                                                     "minContains",
                                                     "maxContains",
                                                     "propertyNames",
                                                     "if",
                                                     "then",
                                                     "else",
                                                     "dependencies",
                                                     "dependentRequired",
                                                     "dependentSchemas",
                                                     "prefixItems",
                                                     "$dynamicRef",
                                                     "$recursiveRef",
                                                     "unevaluatedItems",
                                                     "unevaluatedProperties",
                                                     "additionalItems",
                                                     "extends"};

bool is_type(const Json& word) {
    return word.is_string() && std::find(types.begin(), types.end(), word.get<std::string>()) != types.end();
}

bool is_text(const Json& value) {
    return value.is_string();
}

bool is_count(const Json& value) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>() <= INT64_MAX;
    return value.is_number_integer() && value.get<std::int64_t>() >= 0;
}

// What valijson would take, misread or divide by.
bool is_usable(std::string_view keyword, const Json& value) {
    if (keyword == "type") {
        if (!value.is_array()) return is_type(value);
        return !value.empty() && std::all_of(value.begin(), value.end(), is_type);
    }
    if (keyword == "enum") return value.is_array() && !value.empty();
    if (keyword == "const") return true;
    if (keyword == "required") return value.is_array() && std::all_of(value.begin(), value.end(), is_text);
    if (keyword == "multipleOf") return value.is_number() && value.get<double>() > 0;
    return keyword.ends_with("imum") ? value.is_number() : is_count(value);
}

class Expansion {
  public:
    explicit Expansion(const Json& root) : root_(root) {}

    Result<Json> run() {
        Json expanded = expand(root_, Path(), 0);
        if (!refusal_.empty()) return Error{ErrorClass::invalid_request, refusal_};
        return expanded;
    }

  private:
    using Path = Json::json_pointer;

    Json refuse(const Path& path, const std::string& reason) {
        if (refusal_.empty()) {
            refusal_ = "the schema cannot be checked at " +
                       core::to_storable_text(path.empty() ? "its root" : path.to_string(), max_quoted_bytes) + ": " +
                       core::to_storable_text(reason, 2 * max_quoted_bytes);
        }
        return Json::object();
    }

    Json expand(const Json& schema, const Path& path, std::size_t depth) {
        if (!refusal_.empty()) return Json::object();
        if (!spend(bytes_of_schema)) return refuse(path, too_long);
        if (depth > max_schema_depth) return refuse(path, "it is nested too deep, or refers to itself");
        if (schema.is_boolean()) return schema.get<bool>() ? Json::object() : Json{{"not", Json::object()}};
        if (!schema.is_object()) return refuse(path, "a schema is an object, or true or false");
        for (const std::string_view name : unchecked)
            if (schema.contains(name))
                return refuse(path, "the keyword \"" + std::string(name) + "\" is not supported");
        Json expanded = Json::object();
        for (const Keyword& keyword : keywords) {
            const auto member = schema.find(keyword.name);
            if (member == schema.end()) continue;
            const std::string name(keyword.name);
            expanded[name] = expand_keyword(keyword, *member, path / name, depth);
        }
        if (schema.contains("nullable")) allow_null(schema.at("nullable"), path / "nullable", expanded);
        if (schema.contains("$ref")) follow(schema.at("$ref"), path, depth, expanded);
        return expanded;
    }

    Json expand_keyword(const Keyword& keyword, const Json& value, const Path& path, std::size_t depth) {
        if (keyword.form == Form::plain) return expand_operand(keyword.name, value, path);
        // A word of its own for valijson, and for who explains a breach.
        if (keyword.name == "additionalProperties" && value.is_boolean()) return value;
        if (keyword.form == Form::schema) return expand(value, path, depth + 1);
        const bool is_list = keyword.form == Form::schemas;
        if (is_list ? !value.is_array() || value.empty() : !value.is_object())
            return refuse(path, is_list ? "a list of schemas is expected" : "an object of schemas is expected");
        if (is_list) {
            if ((branches_ += value.size()) > max_schema_branches)
                return refuse(path, "more than " + std::to_string(max_schema_branches) + " schemas in its lists");
        } else if ((properties_ += value.size()) > max_schema_properties) {
            return refuse(path, "more than " + std::to_string(max_schema_properties) + " properties");
        }
        Json expanded = is_list ? Json::array() : Json::object();
        for (const auto& [name, member] : value.items()) {
            Json schema = expand(member, path / name, depth + 1);
            if (is_list)
                expanded.push_back(std::move(schema));
            else
                expanded[name] = std::move(schema);
        }
        return expanded;
    }

    Json expand_operand(std::string_view keyword, const Json& value, const Path& path) {
        Json operand = value;
        plain_numbers(operand);
        if (!is_usable(keyword, operand)) return refuse(path, "its value is not one that the keyword may have");
        if (!spend(core::write_json(operand).size())) return refuse(path, too_long);
        if (keyword == "enum" && (enum_entries_ += operand.size()) > max_enum_entries)
            return refuse(path, "more than " + std::to_string(max_enum_entries) + " entries of enum");
        // As integers, valijson would cut the fraction off the other side.
        return keyword == "multipleOf" ? Json(operand.get<double>()) : operand;
    }

    // OpenAPI's word, which services take for that of JSON Schema.
    void allow_null(const Json& nullable, const Path& path, Json& expanded) {
        if (!nullable.is_boolean()) {
            refuse(path, "it is true or false");
            return;
        }
        if (nullable == false || !refusal_.empty()) return;
        if (!expanded.contains("type")) {
            refuse(path, "it needs a type beside it; anyOf with {\"type\": \"null\"} says the same");
            return;
        }
        Json& type = expanded["type"];
        if (!type.is_array()) type = Json::array({type});
        if (std::find(type.begin(), type.end(), "null") == type.end()) type.push_back("null");
        if (expanded.contains("enum")) expanded["enum"].push_back(nullptr);
    }

    void follow(const Json& reference, const Path& path, std::size_t depth, Json& expanded) {
        const Json* target = reference.is_string() ? find(reference.get<std::string>()) : nullptr;
        if (!target) {
            refuse(path, "its $ref leads to no place in the schema");
            return;
        }
        Json named = expand(*target, path, depth + 1);
        if (expanded.empty()) {
            expanded = std::move(named);
        } else {
            expanded["allOf"].push_back(std::move(named));
        }
    }

    const Json* find(const std::string& reference) const {
        if (!reference.starts_with('#')) return nullptr;
        try {
            const Path pointer(reference.substr(1));
            return root_.contains(pointer) ? &root_.at(pointer) : nullptr;
        } catch (const Json::exception&) {
            return nullptr;
        }
    }

    bool spend(std::size_t bytes) {
        spent_ += bytes;
        return spent_ <= max_expanded_bytes;
    }

    const Json& root_;
    std::size_t spent_ = 0;
    std::size_t enum_entries_ = 0;
    std::size_t branches_ = 0;
    std::size_t properties_ = 0;
    std::string refusal_;  // empty: none
};

}  // namespace

void plain_numbers(Json& value) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) {
        value = value.get<double>();
    } else if (value.is_number_float()) {
        constexpr double all_integers_are_doubles_to = 9007199254740992;  // 2^53
        const double number = value.get<double>();
        if (std::abs(number) <= all_integers_are_doubles_to && std::trunc(number) == number)
            value = static_cast<std::int64_t>(number);
    } else if (value.is_structured()) {
        for (Json& member : value)
            plain_numbers(member);
    }
}

Result<Json> expand_schema(const Json& schema) {
    if (!schema.is_object()) return Error{ErrorClass::invalid_request, "the schema is no object"};
    if (core::write_json(schema).size() > max_schema_bytes) {
        return Error{ErrorClass::invalid_request,
                     "the schema is longer than " + std::to_string(max_schema_bytes) + " bytes"};
    }
    return Expansion(schema).run();
}

}  // namespace atelier::provider
