#include "executor/store_book.hpp"

#include <optional>

#include "core/aws_credentials.hpp"
#include "core/json.hpp"
#include "core/sha256.hpp"
#include "core/text.hpp"
#include "executor/secret_file.hpp"
#include "wire/frame.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

std::optional<std::uint64_t> find_number(const Json& entry, const char* name, std::uint64_t highest) {
    const Json* member = core::find_member(entry, name, Json::value_t::number_unsigned);
    if (!member || member->get<std::uint64_t>() == 0 || member->get<std::uint64_t>() > highest) return std::nullopt;
    return member->get<std::uint64_t>();
}

std::string text_of(const Json& entry, const char* name) {
    const std::string* text = core::find_string(entry, name);
    return text ? *text : std::string();
}

bool is_true(const Json& entry, const char* name, bool standard) {
    const Json* member = core::find_member(entry, name, Json::value_t::boolean);
    return member ? member->get<bool>() : standard;
}

bool has_credentials(const StoreConfig& config) {
    const auto& credentials = config.credentials;
    const bool given = !credentials.access_key_id.empty() && !credentials.secret_access_key.empty();
    return given || !config.credentials_file.empty() || !config.credentials_error.empty();
}

std::optional<StoreConfig> parse_store(const Json& entry) {
    constexpr std::uint64_t one_day = 86'400'000;
    constexpr std::uint64_t five_gibibytes = std::uint64_t{5} << 30;
    const auto connect = find_number(entry, "connect_timeout_ms", one_day);
    const auto progress = find_number(entry, "progress_timeout_ms", one_day);
    const auto threshold = find_number(entry, "multipart_threshold", five_gibibytes);
    const auto part_size = find_number(entry, "part_size", five_gibibytes);
    if (!connect || !progress || !threshold || !part_size) return std::nullopt;
    StoreConfig config;
    config.endpoint = text_of(entry, "endpoint");
    config.region = text_of(entry, "region");
    config.path_style = is_true(entry, "path_style", true);
    config.sign_payload = is_true(entry, "sign_payload", true);
    config.if_none_match = is_true(entry, "if_none_match", true);
    config.multipart_threshold = *threshold;
    config.part_size = *part_size;
    config.cache_control = text_of(entry, "cache_control");
    config.connect_timeout = core::Milliseconds{*connect};
    config.progress_timeout = core::Milliseconds{*progress};
    config.credentials = {text_of(entry, "access_key_id"), text_of(entry, "secret_access_key"),
                          text_of(entry, "session_token")};
    config.credentials_file = text_of(entry, "credentials_file");
    config.credentials_error = text_of(entry, "credentials_error");
    config.revision = core::sha256_hex(core::write_json(entry));
    if (config.endpoint.empty() || config.region.empty() || !has_credentials(config)) return std::nullopt;
    return config;
}

}  // namespace

Result<void> StoreBook::replace(std::string_view payload) {
    auto json = core::parse_json(payload, {wire::max_payload_bytes, 8}, ErrorClass::invalid_request);
    if (!json) return Error{ErrorClass::invalid_request, "stores: the frame is " + json.error().message};
    std::map<std::string, std::shared_ptr<const StoreConfig>> stores;
    const Json* entries = core::find_member(*json, "stores", Json::value_t::array);
    for (const Json& entry : entries ? *entries : Json::array()) {
        auto config = parse_store(entry);
        const std::string name = text_of(entry, "name");
        if (name.empty() || name == "file" || !config) {
            return Error{ErrorClass::invalid_request, "stores: the entry \"" + name + "\" lacks a member"};
        }
        const auto known = find(name);
        const bool unchanged = known && known->revision == config->revision;
        stores.insert_or_assign(name, unchanged ? known : std::make_shared<const StoreConfig>(std::move(*config)));
    }
    stores_ = std::move(stores);
    return {};
}

std::shared_ptr<const StoreConfig> StoreBook::find(const std::string& name) const {
    const auto found = stores_.find(name);
    return found == stores_.end() ? nullptr : found->second;
}

Result<storage::s3::Credentials> read_credentials(const StoreConfig& config) {
    if (!config.credentials_error.empty()) return Error{ErrorClass::auth, config.credentials_error};
    if (config.credentials_file.empty()) return config.credentials;
    auto text = read_secret_file(config.credentials_file, core::max_aws_credentials_bytes);
    auto credentials = text ? core::parse_aws_credentials(*text) : Result<core::AwsCredentials>(text.error());
    if (text) core::wipe(*text);
    if (credentials) return credentials;
    return Error{ErrorClass::auth, "the credentials_file \"" + config.credentials_file +
                                       "\" cannot be used: " + credentials.error().message};
}

}  // namespace atelier::executor
