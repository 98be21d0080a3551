#include "core/aws_credentials.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace atelier::core {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trim(std::string_view text) {
    const std::size_t from = std::min(text.find_first_not_of(blanks), text.size());
    text.remove_prefix(from);
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return line;
}

bool is_visible(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_same_name(std::string_view found, std::string_view name) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(found.begin(), found.end(), name.begin(), name.end(),
                      [&](char a, char b) { return lower(a) == b; });
}

Error malformed(std::string_view name, const char* reason) {
    return {ErrorClass::auth, std::string(name) + " in section [default] " + reason};
}

constexpr std::string_view id_name = "aws_access_key_id";
constexpr std::string_view secret_name = "aws_secret_access_key";
constexpr std::string_view token_name = "aws_session_token";

void take_setting(std::string_view line, AwsCredentials& found) {
    const std::size_t sign = line.find('=');
    if (sign == std::string_view::npos) return;
    const std::string_view name = trim(line.substr(0, sign));
    const std::string_view value = trim(line.substr(sign + 1));
    if (is_same_name(name, id_name)) found.access_key_id = value;
    if (is_same_name(name, secret_name)) found.secret_access_key = value;
    if (is_same_name(name, token_name)) found.session_token = value;
}

Result<AwsCredentials> check(AwsCredentials found) {
    if (found.access_key_id.empty()) return malformed(id_name, "is missing");
    if (found.secret_access_key.empty()) return malformed(secret_name, "is missing");
    if (!is_access_key_id(found.access_key_id)) return malformed(id_name, "is no access key id");
    if (!is_aws_secret(found.secret_access_key)) return malformed(secret_name, "is not one word of visible ASCII");
    if (!found.session_token.empty() && !is_aws_secret(found.session_token)) {
        return malformed(token_name, "is not one word of visible ASCII");
    }
    return found;
}

}  // namespace

bool is_access_key_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 128 && is_visible(text) &&
           text.find_first_of("/,=") == std::string_view::npos;
}

bool is_aws_secret(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 4096 && is_visible(text);
}

Result<AwsCredentials> parse_aws_credentials(std::string_view text) {
    AwsCredentials found;
    bool has_default = false;
    bool in_default = false;
    while (!text.empty()) {
        const std::string_view raw = take_line(text);
        const std::string_view line = trim(raw);
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (line.front() == '[') {
            in_default = line.back() == ']' && trim(line.substr(1, line.size() - 2)) == "default";
            has_default |= in_default;
        } else if (in_default && blanks.find(raw.front()) == std::string_view::npos) {
            // An indented line belongs to the setting above it.
            take_setting(line, found);
        }
    }
    if (!has_default) return Error{ErrorClass::auth, "there is no section [default]"};
    return check(std::move(found));
}

void wipe(AwsCredentials& credentials) noexcept {
    wipe(credentials.secret_access_key);
    wipe(credentials.session_token);
}

}  // namespace atelier::core
