#pragma once
// A JSON Schema made plain: only the keywords that json_schema.hpp lists, no $ref, no boolean schema within, `nullable`
// written as the type and the entry of enum that it stands for, numbers as plain_numbers() leaves them.

#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::provider {

// Errors and limits: those of check_json_schema().
core::Result<core::Json> expand_schema(const core::Json& schema);

// Numbers of a value, or of a schema's operand, as valijson reads them: it takes an integer into 64 bits with a sign,
// and no double for an integer. One beyond these bits becomes a double, a whole double within 2^53 an integer, as JSON
// Schema has it since draft 6: 1.0 is an integer.
void plain_numbers(core::Json& value);

}  // namespace atelier::provider
