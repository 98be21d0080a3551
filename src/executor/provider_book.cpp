#include "executor/provider_book.hpp"

#include <algorithm>
#include <optional>

#include "core/json.hpp"
#include "executor/secret_file.hpp"
#include "wire/frame.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

constexpr std::size_t max_key_bytes = 4096;

std::optional<core::Milliseconds> find_timeout(const Json& entry, const char* name) {
    const Json* member = core::find_member(entry, name, Json::value_t::number_unsigned);
    constexpr std::uint64_t one_day = 86'400'000;
    if (!member || member->get<std::uint64_t>() == 0 || member->get<std::uint64_t>() > one_day) return std::nullopt;
    return core::Milliseconds{member->get<std::int64_t>()};
}

std::string text_of(const Json& entry, const char* name) {
    const std::string* text = core::find_string(entry, name);
    return text ? *text : std::string();
}

std::optional<ProviderConfig> parse_provider(const Json& entry) {
    const auto kind = provider::kind_from_string(text_of(entry, "kind"));
    const auto connect = find_timeout(entry, "connect_timeout_ms");
    const auto progress = find_timeout(entry, "progress_timeout_ms");
    ProviderConfig config{
        {kind.value_or(provider::Kind::gemini), text_of(entry, "base_url"), text_of(entry, "api_version")},
        connect.value_or(core::Milliseconds{0}),
        progress.value_or(core::Milliseconds{0}),
        text_of(entry, "api_key"),
        text_of(entry, "api_key_file"),
        text_of(entry, "key_error")};
    const bool has_key = !config.api_key.empty() || !config.api_key_file.empty() || !config.key_error.empty();
    if (!kind || !connect || !progress || config.endpoint.base_url.empty() || !has_key) return std::nullopt;
    return config;
}

// What may stand in a header: visible ASCII.
bool is_header_text(std::string_view key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

Result<std::string> check_key(std::string key, const std::string& source) {
    if (is_header_text(key)) return key;
    return Error{ErrorClass::auth, source + " holds no key: one word of visible ASCII characters is expected"};
}

Result<std::string> read_key_file(const std::string& path) {
    const std::string source = "the api_key_file \"" + path + "\"";
    auto key = read_secret_file(path, max_key_bytes);
    if (!key) return Error{ErrorClass::auth, source + " cannot be used: " + key.error().message};
    key->erase(key->find_last_not_of(" \t\r\n") + 1);
    return check_key(std::move(*key), source);
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

Result<std::string> read_key(const ProviderConfig& config) {
    if (!config.key_error.empty()) return Error{ErrorClass::auth, config.key_error};
    if (!config.api_key_file.empty()) return read_key_file(config.api_key_file);
    return check_key(config.api_key, "the user mapping");
}

}  // namespace atelier::executor
