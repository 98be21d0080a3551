#include "postgres/store_options.hpp"

#include <iterator>

#include "core/aws_credentials.hpp"
#include "postgres/option_values.hpp"

namespace atelier::postgres {

namespace {

using namespace option_values;

bool is_switch(std::string_view value) {
    return value == "true" || value == "false";
}

bool is_payload_signing(std::string_view value) {
    return value == "signed" || value == "unsigned";
}

constexpr const char* switch_words = "It is true or false.";
constexpr const char* secret_words = "It is 1 to 4096 printable ASCII characters without blank.";

constexpr ProviderOption options[] = {
    {"endpoint", OptionPlace::server, true, is_base_url, url_words, nullptr},
    {"region", OptionPlace::server, false, is_region,
     "It is the name of a region, such as eu-central-1 or auto: 1 to 63 letters, digits and hyphens, no hyphen at an "
     "end.",
     "us-east-1"},
    {"bucket", OptionPlace::server, false, is_bucket,
     "It is the name of a bucket: 1 to 255 letters, digits and the characters \".\", \"_\", \":\" and \"-\".", nullptr,
     true},
    {"path_style", OptionPlace::server, false, is_switch, switch_words, nullptr},
    {"public_base_url", OptionPlace::server, false, is_base_url, url_words, nullptr},
    {"payload_signing", OptionPlace::server, false, is_payload_signing, "It is signed or unsigned.", "signed"},
    {"if_none_match", OptionPlace::server, false, is_switch, switch_words, "true"},
    {"multipart_threshold", OptionPlace::server, false, is_size<5 * megabyte, 5 * gigabyte>,
     "It is a size from 5MB to 5GB: a whole number and one of the units kB, MB, GB, such as 64MB.", "64MB"},
    {"part_size", OptionPlace::server, false, is_size<5 * megabyte, gigabyte>,
     "It is a size from 5MB to 1GB: a whole number and one of the units kB, MB, GB, such as 16MB.", "16MB"},
    {"cache_control", OptionPlace::server, false, is_header_value,
     "It is 1 to 200 printable ASCII characters without a blank at an end, such as no-cache.",
     "public, max-age=31536000, immutable"},
    {"url_expires", OptionPlace::server, false, is_duration<second_ms, 7 * day_ms, second_ms>,
     "It is a time from 1s to 7d: a whole number and one of the units s, min, h, d, such as 1h.", "1h"},
    {"connect_timeout", OptionPlace::server, false, is_duration<1, 5 * minute_ms>, connect_timeout_words, "10s"},
    {"progress_timeout", OptionPlace::server, false, is_duration<1, hour_ms>, progress_timeout_words, "30s"},
    {"timeout", OptionPlace::server, false, is_duration<1, day_ms>, timeout_words, "5min"},
    {"access_key_id", OptionPlace::user_mapping, false, core::is_access_key_id,
     "It is 1 to 128 printable ASCII characters without blank, \"/\", \",\" and \"=\".", nullptr, true},
    {"secret_access_key", OptionPlace::user_mapping, false, core::is_aws_secret, secret_words, nullptr, true,
     "access_key_id"},
    {"session_token", OptionPlace::user_mapping, false, core::is_aws_secret, secret_words, nullptr, false,
     "access_key_id"},
    {"credentials_file", OptionPlace::user_mapping, true, is_file_path, file_words, nullptr},
    {"credentials_env", OptionPlace::user_mapping, true, is_variable_name,
     "It is what the names of environment variables begin with, such as AWS for AWS_ACCESS_KEY_ID: letters, digits and "
     "underscores.",
     nullptr},
};

}  // namespace

ProviderOptions store_options() noexcept {
    return {options, std::size(options)};
}

bool is_path_style(const char* path_style, bool has_endpoint, std::string_view bucket) noexcept {
    if (path_style != nullptr) return std::string_view(path_style) == "true";
    return has_endpoint || !is_bucket_label(bucket);
}

}  // namespace atelier::postgres
