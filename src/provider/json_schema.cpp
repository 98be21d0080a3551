#include "provider/json_schema.hpp"

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "core/text.hpp"
#include "provider/schema_expansion.hpp"

// Without exceptions it aborts.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;
using valijson::adapters::NlohmannJsonAdapter;

constexpr std::size_t max_quoted_bytes = 100;
constexpr std::size_t max_path_bytes = 200;
constexpr const char* no_match = "the answer does not match its schema";

// An expanded schema. Throws std::exception where it cannot be compiled.
class Compiled {
  public:
    explicit Compiled(const Json& schema) {
        valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
        parser.populateSchema(NlohmannJsonAdapter(schema), schema_);
    }

    // Ends at the first breach, and collects nothing: a hostile answer may have a breach in each of its bytes.
    bool accepts(const Json& value) const {
        valijson::Validator validator;
        return validator.validate(schema_, NlohmannJsonAdapter(value), nullptr);
    }

  private:
    valijson::Schema schema_;
};

constexpr std::size_t max_judged_again = 1'000'000;  // values

// Where a value that does not match begins not to.
struct Breach {
    Json::json_pointer path;
    const Json* schema;
    const Json* value;
};

bool descend_into_object(Breach& breach) {
    const Json* properties = core::find_member(*breach.schema, "properties", Json::value_t::object);
    const Json* others = core::find_member(*breach.schema, "additionalProperties", Json::value_t::object);
    const Compiled compiled_others(others ? *others : Json::object());
    for (const auto& [name, member] : breach.value->items()) {
        const Json* named = properties && properties->contains(name) ? &properties->at(name) : nullptr;
        if (named ? Compiled(*named).accepts(member) : compiled_others.accepts(member)) continue;
        breach = {breach.path / name, named ? named : others, &member};
        return true;
    }
    return false;
}

bool descend_into_array(Breach& breach) {
    const Json* items = core::find_member(*breach.schema, "items", Json::value_t::object);
    if (!items) return false;
    const Compiled compiled(*items);
    for (std::size_t i = 0; i < breach.value->size(); ++i) {
        const Json& item = breach.value->at(i);
        if (compiled.accepts(item)) continue;
        breach = {breach.path / i, items, &item};
        return true;
    }
    return false;
}

std::size_t count_values(const Json& value) {
    std::size_t count = 1;
    if (!value.is_structured()) return count;
    for (const Json& member : value)
        count += count_values(member);
    return count;
}

// Each step judges all that lies below it again: in a deep answer only the first steps are affordable.
Breach find_breach(const Json& schema, const Json& value) {
    Breach breach{Json::json_pointer(), &schema, &value};
    std::size_t judged = 0;
    while ((judged += count_values(*breach.value)) <= max_judged_again) {
        if (!(breach.value->is_object() ? descend_into_object(breach)
                                        : breach.value->is_array() && descend_into_array(breach)))
            break;
    }
    return breach;
}

Result<std::unique_ptr<const Compiled>> compile(const Json& expanded) {
    try {
        return std::make_unique<const Compiled>(expanded);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& exception) {
        return Error{ErrorClass::invalid_request,
                     "the schema cannot be compiled: " + core::to_storable_text(exception.what(), max_quoted_bytes)};
    }
}

std::string excerpt(const Json& value) {
    std::string text = core::write_json(value);
    if (text.size() > max_quoted_bytes) text = core::to_storable_text(text, max_quoted_bytes - 3) + "...";
    return core::to_storable_text(text, max_quoted_bytes);
}

std::string missing_member(const Json& schema, const Json& value) {
    for (const Json& name : schema.at("required"))
        if (!value.contains(name.get<std::string>())) return "the member " + excerpt(name) + " is missing";
    return "a member is missing";
}

// nullptr: there is none.
const std::string* unexpected_member(const Json& schema, const Json& value) {
    if (!value.is_object() || schema.value("additionalProperties", Json(true)) != false) return nullptr;
    const Json* properties = core::find_member(schema, "properties", Json::value_t::object);
    for (auto member = value.begin(); member != value.end(); ++member)
        if (!properties || !properties->contains(member.key())) return &member.key();
    return nullptr;
}

// Which of its keywords, alone, the value does not match.
std::string expectation(const Json& schema, const Json& value) {
    if (const std::string* name = unexpected_member(schema, value))
        return "the member " + excerpt(*name) + " is not expected";
    for (const auto& [keyword, operand] : schema.items()) {
        if (keyword == "properties" || keyword == "items" || keyword == "additionalProperties") continue;
        if (Compiled(Json{{keyword, operand}}).accepts(value)) continue;
        if (keyword == "required") return missing_member(schema, value);
        return "expected " + keyword + " " + excerpt(operand) + ", found " + excerpt(value);
    }
    return "found " + excerpt(value);
}

std::string describe(const Breach& breach) {
    const std::string path = breach.path.empty() ? "its root" : breach.path.to_string();
    return no_match + (" at " + core::to_storable_text(path, max_path_bytes)) + ": " +
           expectation(*breach.schema, *breach.value);
}

}  // namespace

Result<void> check_json_schema(const Json& schema) {
    const auto expanded = expand_schema(schema);
    if (!expanded) return expanded.error();
    const auto compiled = compile(*expanded);
    if (!compiled) return compiled.error();
    return {};
}

Result<void> match_json_schema(const Json& value, const Json& schema) {
    const auto expanded = expand_schema(schema);
    if (!expanded) return {};
    const auto compiled = compile(*expanded);
    if (!compiled) return {};
    Json judged = value;
    plain_numbers(judged);
    Error error{ErrorClass::invalid_output, no_match};
    try {
        if ((*compiled)->accepts(judged)) return {};
        error.message = describe(find_breach(*expanded, judged));
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& exception) {
        error.message += std::string(": ") + core::to_storable_text(exception.what(), max_quoted_bytes);
    }
    return error;
}

}  // namespace atelier::provider
