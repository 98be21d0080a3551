#include "executor/api_access.hpp"

#include <algorithm>
#include <cstdint>

#include "executor/secret_file.hpp"

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

std::optional<ApiAccess> parse_api_access(const Json& entry) {
    const auto connect = find_timeout(entry, "connect_timeout_ms");
    const auto progress = find_timeout(entry, "progress_timeout_ms");
    if (!connect || !progress) return std::nullopt;
    ApiAccess access{*connect, *progress, text_of(entry, "api_key"), text_of(entry, "api_key_file"),
                     text_of(entry, "key_error")};
    const bool has_key = !access.api_key.empty() || !access.api_key_file.empty() || !access.key_error.empty();
    return has_key ? std::optional(std::move(access)) : std::nullopt;
}

Result<std::string> read_key(const ApiAccess& access) {
    if (!access.key_error.empty()) return Error{ErrorClass::auth, access.key_error};
    if (!access.api_key_file.empty()) return read_key_file(access.api_key_file);
    return check_key(access.api_key, "the user mapping");
}

}  // namespace atelier::executor
