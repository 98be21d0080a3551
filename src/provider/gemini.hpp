#pragma once
// Google Gemini, generateContent of the Developer API. Wire facts: ai.google.dev/api/generate-content, and the client
// @google/genai 3.1.0, whose requests ours equal (test/oracles).
//
// Neutral parameters and what becomes of them:
//   aspect_ratio       image only: "16:9"                            imageConfig.aspectRatio
//   image_size         image only: "512", "1K", "2K", "4K"           imageConfig.imageSize
//   temperature        0 to 2                                        generationConfig.temperature
//   max_output_tokens  from 1; thinking counts                       generationConfig.maxOutputTokens
//   thinking           "off" (as little as there is), "low", ...     generationConfig.thinkingConfig.thinkingLevel
//   seed               int32                                         generationConfig.seed
//   safety             "off", "block_none", "block_only_high", ...   safetySettings, the same for each category

#include <string>

#include "core/result.hpp"
#include "provider/failure.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {

core::Result<HttpRequest> build_gemini(const Endpoint& endpoint, const Call& call, const std::string& key);

Verdict judge_gemini(Task task, const HttpAnswer& answer);

// An answer that is an error: by its status, or a 2xx with an error in it.
Verdict judge_gemini_error(const HttpAnswer& answer, const ErrorBody& body);

}  // namespace atelier::provider
