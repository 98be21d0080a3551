#include "postgres/server_description.hpp"

#include "postgres/option_values.hpp"

namespace atelier::postgres {

namespace {

constexpr const char* no_mapping = "the server has no user mapping for atelier_owner or PUBLIC";

// Every option that is asked for has a default, and the validator has seen what was set.
const char* setting(const Server& server, const char* name) {
    const char* value = option_value(server.options, name);
    return value != nullptr ? value : "";
}

std::int64_t milliseconds(const Server& server, const char* name) {
    return option_values::duration_ms(setting(server, name)).value_or(0);
}

std::int64_t bytes(const Server& server, const char* name) {
    return option_values::size_bytes(setting(server, name)).value_or(0);
}

bool is(const Server& server, const char* name, const char* word) {
    return std::strcmp(setting(server, name), word) == 0;
}

bool add_secret(core::Json& description, const Server& server, const char* name) {
    char* secret = option_value(server.mapping.options, name);
    if (secret == nullptr) return false;
    description[name] = secret;
    explicit_bzero(secret, std::strlen(secret));
    return true;
}

core::Error variable_error(const std::string& variable, const char* reason) {
    return {core::ErrorClass::auth, "environment variable " + variable + ' ' + reason};
}

core::Result<std::string> environment_text(const std::string& variable, bool (*is_valid)(std::string_view),
                                           const char* otherwise) {
    const char* value = getenv(variable.c_str());
    if (value == nullptr || *value == '\0') return variable_error(variable, "is not set");
    if (!is_valid(value)) return variable_error(variable, otherwise);
    return std::string(value);
}

void add_api_key(core::Json& description, const Server& server) {
    if (server.mapping.role == nullptr) {
        description["key_error"] = no_mapping;
    } else if (add_secret(description, server, "api_key")) {
        return;
    } else if (const char* file = option_value(server.mapping.options, "api_key_file")) {
        description["api_key_file"] = file;
    } else if (const char* variable = option_value(server.mapping.options, "api_key_env")) {
        auto key = environment_text(variable, option_values::is_key, "does not hold a key");
        if (key) {
            description["api_key"] = std::move(*key);
        } else {
            description["key_error"] = key.error().message;
        }
    } else {
        description["key_error"] = "the user mapping of the server names no key";
    }
}

void add_credentials(core::Json& description, const Server& server) {
    if (server.mapping.role == nullptr) {
        description["credentials_error"] = no_mapping;
    } else if (add_secret(description, server, "access_key_id")) {
        add_secret(description, server, "secret_access_key");
        add_secret(description, server, "session_token");
    } else if (const char* file = option_value(server.mapping.options, "credentials_file")) {
        description["credentials_file"] = file;
    } else if (const char* prefix = option_value(server.mapping.options, "credentials_env")) {
        auto credentials = environment_credentials(prefix);
        if (credentials) {
            description["access_key_id"] = std::move(credentials->access_key_id);
            description["secret_access_key"] = credentials->secret_access_key;
            if (!credentials->session_token.empty()) description["session_token"] = credentials->session_token;
            core::wipe(*credentials);
        } else {
            description["credentials_error"] = credentials.error().message;
        }
    } else {
        description["credentials_error"] = "the user mapping of the server names no credentials";
    }
}

core::Json describe_provider(const Server& server) {
    core::Json provider = {{"name", server.name},
                           {"kind", to_string(server.kind)},
                           {"base_url", setting(server, "base_url")},
                           {"connect_timeout_ms", milliseconds(server, "connect_timeout")},
                           {"progress_timeout_ms", milliseconds(server, "progress_timeout")}};
    if (const char* version = option_value(server.options, "api_version")) provider["api_version"] = version;
    add_api_key(provider, server);
    return provider;
}

core::Json describe_store(const Server& server) {
    core::Json store = {{"name", server.name},
                        {"endpoint", setting(server, "endpoint")},
                        {"region", setting(server, "region")},
                        {"bucket", setting(server, "bucket")},
                        {"path_style", is(server, "path_style", "true")},
                        {"sign_payload", is(server, "payload_signing", "signed")},
                        {"if_none_match", is(server, "if_none_match", "true")},
                        {"multipart_threshold", bytes(server, "multipart_threshold")},
                        {"part_size", bytes(server, "part_size")},
                        {"cache_control", setting(server, "cache_control")},
                        {"connect_timeout_ms", milliseconds(server, "connect_timeout")},
                        {"progress_timeout_ms", milliseconds(server, "progress_timeout")}};
    add_credentials(store, server);
    return store;
}

}  // namespace

core::Json describe(const Server& server) {
    return server.kind == ProviderKind::s3 ? describe_store(server) : describe_provider(server);
}

void wipe_secrets(core::Json& description) noexcept {
    for (const char* name : {"api_key", "access_key_id", "secret_access_key", "session_token"}) {
        const auto secret = description.find(name);
        if (secret != description.end()) core::wipe(*secret->get_ptr<std::string*>());
    }
}

core::Result<core::AwsCredentials> environment_credentials(const std::string& prefix) {
    auto id = environment_text(prefix + "_ACCESS_KEY_ID", core::is_access_key_id, "does not hold an access key id");
    if (!id) return std::move(id).error();
    auto secret =
        environment_text(prefix + "_SECRET_ACCESS_KEY", core::is_aws_secret, "does not hold a secret access key");
    if (!secret) return std::move(secret).error();
    core::AwsCredentials found{std::move(*id), std::move(*secret), {}};
    const std::string token = prefix + "_SESSION_TOKEN";
    const char* value = getenv(token.c_str());
    if (value == nullptr || *value == '\0') return found;
    if (!core::is_aws_secret(value)) return variable_error(token, "does not hold a session token");
    found.session_token = value;
    return found;
}

}  // namespace atelier::postgres
