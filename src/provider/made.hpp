#pragma once
// What a usable answer is made into. Texts come from an AnswerBody: storable as they are.

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {

inline constexpr std::size_t max_made_bytes = 1'000'000;  // of a text or JSON that goes into a row

// no_output: blank. invalid_output: too long.
core::Result<Made> made_text(std::string_view text);

// An object or array, perhaps within one Markdown code fence. no_output: blank. invalid_output: all else.
core::Result<Made> made_json(std::string_view text);

// invalid_output: not base64 or nothing in it. `said` stands beside the picture.
core::Result<Made> made_picture(std::string_view mime, std::string_view base64, std::string_view said);

}  // namespace atelier::provider
