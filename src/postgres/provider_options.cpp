#include "postgres/provider_options.hpp"

#include <algorithm>
#include <iterator>

#include "postgres/option_values.hpp"
#include "postgres/store_options.hpp"

namespace atelier::postgres {

namespace {

using namespace option_values;

bool is_policy(std::string_view policy) {
    return policy == "hold" || policy == "retry";
}

constexpr const char* model_words =
    "It is the name of a model: 1 to 200 printable ASCII characters without blank, \"..\", \"?\", \"&\" and \"#\".";
constexpr const char* path_model_words =
    "It is the name of a model: 1 to 200 printable ASCII characters without blank, \"..\", \"/\", \"?\", \"&\" and "
    "\"#\".";

constexpr ProviderOption connect_timeout = {
    "connect_timeout", OptionPlace::server, false, is_duration<1, 5 * minute_ms>, connect_timeout_words, "10s"};
constexpr ProviderOption progress_timeout = {"progress_timeout",      OptionPlace::server,    false,
                                             is_duration<1, hour_ms>, progress_timeout_words, "3min"};
constexpr ProviderOption timeout = {"timeout", OptionPlace::server, false, is_duration<1, day_ms>, timeout_words,
                                    "10min"};
constexpr ProviderOption outcome_unknown = {"outcome_unknown", OptionPlace::server,    false,
                                            is_policy,         "It is hold or retry.", "hold"};
constexpr ProviderOption api_key = {
    "api_key", OptionPlace::user_mapping, false, is_key, "It is 1 to 4096 printable ASCII characters without blank.",
    nullptr};
constexpr ProviderOption api_key_file = {"api_key_file", OptionPlace::user_mapping, true, is_file_path, file_words,
                                         nullptr};
constexpr ProviderOption api_key_env = {"api_key_env",
                                        OptionPlace::user_mapping,
                                        true,
                                        is_variable_name,
                                        "It is the name of an environment variable: letters, digits and underscores.",
                                        nullptr};

constexpr ProviderOption gemini_options[] = {
    {"base_url", OptionPlace::server, true, is_base_url, url_words, "https://generativelanguage.googleapis.com"},
    {"api_version", OptionPlace::server, false, is_api_version, "It is one segment of a path, such as v1beta.",
     "v1beta"},
    {"image_model", OptionPlace::server, false, is_path_model, path_model_words, nullptr},
    {"json_model", OptionPlace::server, false, is_path_model, path_model_words, nullptr},
    {"text_model", OptionPlace::server, false, is_path_model, path_model_words, nullptr},
    connect_timeout,
    progress_timeout,
    timeout,
    outcome_unknown,
    api_key,
    api_key_file,
    api_key_env,
};

// The path of base_url holds the version.
constexpr ProviderOption openai_options[] = {
    {"base_url", OptionPlace::server, true, is_base_url, url_words, "https://api.openai.com/v1"},
    {"image_model", OptionPlace::server, false, is_model, model_words, nullptr},
    {"json_model", OptionPlace::server, false, is_model, model_words, nullptr},
    {"text_model", OptionPlace::server, false, is_model, model_words, nullptr},
    connect_timeout,
    progress_timeout,
    timeout,
    outcome_unknown,
    api_key,
    api_key_file,
    api_key_env,
};

bool is_app_name(std::string_view name) {
    return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

constexpr ProviderOption unsplash_options[] = {
    {"base_url", OptionPlace::server, true, is_base_url, url_words, "https://api.unsplash.com"},
    {"app_name", OptionPlace::server, false, is_app_name,
     "It is the name of the application as Unsplash knows it: 1 to 100 letters, digits, \"-\" and \"_\".",
     "pg_atelier"},
    connect_timeout,
    {"progress_timeout", OptionPlace::server, false, is_duration<1, hour_ms>, progress_timeout_words, "30s"},
    {"timeout", OptionPlace::server, false, is_duration<1, day_ms>, timeout_words, "2min"},
    api_key,
    api_key_file,
    api_key_env,
};

}  // namespace

std::optional<ProviderKind> provider_kind(std::string_view wrapper) noexcept {
    if (wrapper == "atelier_gemini") return ProviderKind::gemini;
    if (wrapper == "atelier_openai") return ProviderKind::openai;
    if (wrapper == "atelier_s3") return ProviderKind::s3;
    if (wrapper == "atelier_unsplash") return ProviderKind::unsplash;
    return std::nullopt;
}

const char* to_string(ProviderKind kind) noexcept {
    switch (kind) {
        case ProviderKind::gemini:
            return "gemini";
        case ProviderKind::openai:
            return "openai";
        case ProviderKind::unsplash:
            return "unsplash";
        case ProviderKind::s3:
            break;
    }
    return "s3";
}

ProviderOptions provider_options(ProviderKind kind) noexcept {
    switch (kind) {
        case ProviderKind::gemini:
            return {gemini_options, std::size(gemini_options)};
        case ProviderKind::openai:
            return {openai_options, std::size(openai_options)};
        case ProviderKind::unsplash:
            return {unsplash_options, std::size(unsplash_options)};
        case ProviderKind::s3:
            break;
    }
    return store_options();
}

const ProviderOption* find_provider_option(ProviderKind kind, OptionPlace place, std::string_view name) noexcept {
    for (const ProviderOption& option : provider_options(kind)) {
        if (option.place == place && option.name == name) return &option;
    }
    return nullptr;
}

}  // namespace atelier::postgres
