#pragma once
// Does an answer have the form that was asked for? JSON Schema (draft 7) as the structured outputs of providers use it;
// the judging itself is done by valijson. Pure functions, of bounded memory, and of a time that grows with the product
// of the limits below and the answer's length: for an answer of 1 MB, made to take long, minutes at the most.
//
// Checked keywords: type, enum, const, properties, required, additionalProperties, items (one schema), minItems,
// maxItems, minProperties, maxProperties, minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
// multipleOf, allOf, anyOf, oneOf, not, and $ref into the schema itself. Those that assert something else (pattern,
// uniqueItems, if, ...) are refused rather than left unchecked: some cannot be checked in bounded time. OpenAPI's
// `nullable: true` allows null beside the type next to it, also where an enum next to it does not list it. Words that
// assert nothing (description, format, ...) are passed over, as the standard has it. A number without a fraction is an
// integer however it is written: 1.0 is one.

#include <cstddef>

#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::provider {

inline constexpr std::size_t max_schema_bytes = std::size_t{256} * 1024;  // as JSON text
inline constexpr std::size_t max_schema_depth = 64;                       // of schemas within schemas, $refs followed
// With each $ref replaced by what it names:
inline constexpr std::size_t max_expanded_bytes = 1'000'000;
inline constexpr std::size_t max_enum_entries = 1000;       // of all enums together
inline constexpr std::size_t max_schema_branches = 500;     // of all allOf, anyOf and oneOf together
inline constexpr std::size_t max_schema_properties = 2000;  // of all `properties` together

// Whether answers can be checked against it. invalid_request: beyond the limits, a $ref that leads nowhere or
// back to itself, a keyword that is misused or not checked here; the message names the place in the schema, as a JSON
// Pointer.
core::Result<void> check_json_schema(const core::Json& schema);

// invalid_output: the value does not match. The message names the place in the value, as a JSON Pointer, what was
// expected there, and quotes at most 100 bytes of what was found: storable text. In an answer that is large and deep it
// may be a place above the one that is wrong. A value that valijson cannot judge does not match either. A schema that
// check_json_schema() refuses is matched by every value: no call was made with it, or by a release that took it, and to
// refuse what was paid for would buy it twice.
core::Result<void> match_json_schema(const core::Json& value, const core::Json& schema);

}  // namespace atelier::provider
