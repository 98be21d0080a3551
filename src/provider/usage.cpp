#include "provider/usage.hpp"

namespace atelier::provider {
namespace {

constexpr std::uint64_t max_quantity = INT64_MAX;

}  // namespace

std::uint64_t counter(const core::Json& object, const char* name) {
    const core::Json* member = core::find_member(object, name, core::Json::value_t::number_unsigned);
    const auto count = member ? member->get<std::uint64_t>() : 0;
    return count <= max_quantity ? count : 0;
}

void add_usage(std::vector<Usage>& usage, std::string_view unit, std::uint64_t quantity) {
    if (quantity != 0 && quantity <= max_quantity) usage.push_back({std::string(unit), quantity});
}

void add_input_tokens(std::vector<Usage>& usage, std::uint64_t input, std::uint64_t cached) {
    if (cached > input) cached = 0;
    add_usage(usage, "input_token", input - cached);
    add_usage(usage, "cached_input_token", cached);
}

}  // namespace atelier::provider
