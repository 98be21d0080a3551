#pragma once
// What every AI provider is to the executor: a request built from a call, and a verdict on the answer. Pure functions:
// no clock, no descriptor, no curl. Wire formats are cited in the file of each kind.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/http.hpp"
#include "core/json.hpp"
#include "core/pace.hpp"
#include "core/result.hpp"

namespace atelier::provider {

enum class Kind { gemini, openai };

// "gemini", "openai"; nullopt for every other word.
std::optional<Kind> kind_from_string(std::string_view word) noexcept;
std::string_view to_string(Kind kind) noexcept;

// ai.image, ai.json, ai.text
enum class Task { image, json, text };

std::optional<Task> task_from_string(std::string_view word) noexcept;
std::string_view to_string(Task task) noexcept;

struct Picture {
    std::string role;   // "product", "scene"
    std::string mime;   // as its first bytes say
    std::string bytes;  // not encoded
};

struct Call {
    Task task;
    std::string model;
    std::string prompt;
    std::string system;             // empty: none
    core::Json schema;              // json: a JSON Schema (json_schema.hpp), or null: any JSON object
    core::Json parameters;          // an object or null, neutral names: gemini.hpp, openai.hpp
    std::vector<Picture> pictures;  // in the order in which they are sent
    std::string
        traceparent{};  // of the trace that it belongs to (core/trace_context.hpp); one that is none is not sent
};

struct Endpoint {
    Kind kind;
    std::string base_url;     // http(s)://host[:port][/path], no trailing slash
    std::string api_version;  // a path segment such as "v1beta"; empty where base_url says it all
};

using core::HttpAnswer;
using core::HttpRequest;

struct Usage {
    std::string unit;  // "image", "input_token", "cached_input_token", "output_token"; none is part of another
    std::uint64_t quantity = 0;
};

struct MadePicture {
    std::string mime;   // as the provider declares it
    std::string bytes;  // decoded, not looked at
};

struct Made {
    std::optional<MadePicture> picture;  // image
    core::Json json;                     // json
    std::string text;                    // text; image: what was said beside the picture
};

struct Verdict {
    core::Result<Made> made;
    std::vector<Usage> usage;                       // also of answers that are no use
    std::string model;                              // as the provider names the one that answered; empty: not said
    std::optional<core::Milliseconds> retry_after;  // 0 ms to 24 h
    core::Pace pace{};                              // what it says of the service; its retry_after is the same
};

// POST. Errors: invalid_request, such as a model name that cannot stand in a path, a parameter that the kind does not
// know, or a schema that no answer can be checked against; auth, a key that cannot stand in a header. `boundary` is
// used by multipart bodies: 32 random hex digits.
core::Result<HttpRequest> build(const Endpoint& endpoint, const Call& call, const std::string& key,
                                const std::string& boundary);

// What an answer says, without a look at the schema of the call; never throws, whatever the bytes are. Messages quote
// at most 300 of them, and may echo the key: core::redact() them, and `model`.
Verdict judge(Kind kind, Task task, const HttpAnswer& answer);

}  // namespace atelier::provider
