#pragma once
// OpenAI's chat completions and images, and the many servers that speak them; DeepSeek's dialect of the former. Wire
// facts: platform.openai.com/docs/api-reference and api-docs.deepseek.com, and the client openai 7.57.0, whose requests
// ours equal (test/oracles).
//
// Neutral parameters of ai.json and ai.text, and what becomes of them:
//   temperature         0 to 2                                   temperature
//   max_output_tokens   from 1; reasoning counts                 max_completion_tokens (DeepSeek: max_tokens)
//   thinking            "off", "low", "medium", "high"           reasoning_effort, "none" for off (DeepSeek: thinking)
//   seed                whole number                             seed
//   json_mode           "schema" if the call has one, "object"   response_format; ai.json only
//   dialect             "openai", "deepseek" (default where the host is deepseek.com)
// of ai.image:
//   image_size          "auto", "1536x1024"                      size
//   aspect_ratio        "16:9", in place of image_size           size, the longer side 1536
//   quality             "auto", "low", "medium", "high", ...     quality
//   background          "auto", "opaque", "transparent"          background
//   output_format       "png", "jpeg", "webp"                    output_format
//   output_compression  0 to 100, of jpeg and webp               output_compression
//   safety              "auto", "low"                            moderation

#include <string>

#include "core/result.hpp"
#include "provider/answer_body.hpp"
#include "provider/failure.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {

core::Result<HttpRequest> build_openai_chat(const Endpoint& endpoint, const Call& call, const std::string& key);

// Without pictures images/generations, with some images/edits.
core::Result<HttpRequest> build_openai_image(const Endpoint& endpoint, const Call& call, const std::string& key,
                                             const std::string& boundary);

Verdict judge_openai(Task task, const HttpAnswer& answer);

// An answer that is an error: by its status, or a 2xx with an error in it.
Verdict judge_openai_error(const HttpAnswer& answer, const ErrorBody& body);

}  // namespace atelier::provider
