#pragma once
// Foreign JSON, parsed within limits and written anew: what comes out can be stored as jsonb.

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace atelier::core {

using Json = nlohmann::json;

struct JsonLimits {
    std::size_t max_bytes = 1'000'000;  // of the text
    std::size_t max_depth = 64;         // a scalar has depth 0, [] has 1
};

// Parses one JSON value. An error of class `on_error` when the text is longer or deeper than the limits, is no JSON,
// is not UTF-8, has U+0000 in a string or key, or a number that no double holds (1e999). Depth is checked while
// reading, without recursion, so no text can exhaust the stack.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits, ErrorClass on_error);

// JSON text of a value of ours, without line breaks. Strings that are not UTF-8 are mended with U+FFFD.
std::string write_json(const Json& value);

// Members of an object with a type; nullptr when `object` is none, lacks the member or has another type there.
const Json* find_member(const Json& object, const char* name, Json::value_t type);
const std::string* find_string(const Json& object, const char* name);

}  // namespace atelier::core
