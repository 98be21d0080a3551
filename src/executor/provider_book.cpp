#include "executor/provider_book.hpp"

#include <optional>

#include "core/json.hpp"
#include "wire/frame.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

std::string text_of(const Json& entry, const char* name) {
    const std::string* text = core::find_string(entry, name);
    return text ? *text : std::string();
}

std::optional<ProviderConfig> parse_provider(const Json& entry) {
    const auto kind = provider::kind_from_string(text_of(entry, "kind"));
    auto access = parse_api_access(entry);
    if (!kind || !access) return std::nullopt;
    ProviderConfig config{std::move(*access), {*kind, text_of(entry, "base_url"), text_of(entry, "api_version")}};
    if (config.endpoint.base_url.empty()) return std::nullopt;
    return config;
}

}  // namespace

Result<void> ProviderBook::replace(std::string_view payload) {
    auto json = core::parse_json(payload, {wire::max_payload_bytes, 8}, ErrorClass::invalid_request);
    if (!json) return Error{ErrorClass::invalid_request, "providers: the frame is " + json.error().message};
    const Json* entries = core::find_member(*json, "providers", Json::value_t::array);
    if (!entries) return Error{ErrorClass::invalid_request, "providers: the frame has no list"};
    std::map<std::string, ProviderConfig> providers;
    for (const Json& entry : *entries) {
        auto config = parse_provider(entry);
        const std::string name = text_of(entry, "name");
        if (name.empty() || !config) {
            return Error{ErrorClass::invalid_request, "providers: the entry \"" + name + "\" lacks a member"};
        }
        providers.insert_or_assign(name, std::move(*config));
    }
    providers_ = std::move(providers);
    return {};
}

const ProviderConfig* ProviderBook::find(const std::string& name) const {
    const auto found = providers_.find(name);
    return found == providers_.end() ? nullptr : &found->second;
}

}  // namespace atelier::executor
