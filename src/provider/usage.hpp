#pragma once
// Counters of an answer. What a provider counts inside another counter is taken out of it, so that each unit has a
// price of its own and nothing is counted twice.

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {

// A member that is a whole number from 0 to 2^63 - 1, as bigint holds it; 0 for every other, and for no object.
std::uint64_t counter(const core::Json& object, const char* name);

// Appends a counter that is neither 0 nor more than bigint holds.
void add_usage(std::vector<Usage>& usage, std::string_view unit, std::uint64_t quantity);

// `input` has `cached` inside it; a cached part larger than the whole is no count.
void add_input_tokens(std::vector<Usage>& usage, std::uint64_t input, std::uint64_t cached);

}  // namespace atelier::provider
