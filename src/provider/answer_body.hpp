#pragma once
// The body of an answer as JSON. Pictures stand in it as strings of megabytes, for which a JSON parser takes
// milliseconds each; they are found by one scan and left where they are.

#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::provider {

class AnswerBody {
  public:
    // Beside long strings, at most so much JSON is read, at most 64 deep.
    static constexpr std::size_t max_other_bytes = std::size_t{8} * 1024 * 1024;

    // `bytes` must outlive what this returns. no_output: nothing but white space. invalid_output: no JSON in UTF-8,
    // deeper or longer than the limits, or with U+0000 or a number out of range.
    static core::Result<AnswerBody> parse(std::string_view bytes);

    const core::Json& root() const noexcept { return root_; }

    // The text of a string within root(), storable as it is; empty for any other value.
    std::string_view text(const core::Json& value) const;
    // Of a member of an object; empty when it has none.
    std::string_view text(const core::Json& object, const char* name) const;

  private:
    AnswerBody() = default;

    core::Json root_;
    std::vector<std::string_view> long_strings_;  // in place of each, root_ has its marker
};

}  // namespace atelier::provider
