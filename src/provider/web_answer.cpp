#include <array>
#include <string_view>

#include "core/http_fields.hpp"
#include "core/text.hpp"
#include "core/web_address.hpp"
#include "provider/failure.hpp"
#include "provider/web_request.hpp"

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;
using core::HttpAnswer;
using core::Json;

// Nobody has said when to come again; of this request alone, so that it may as well be soon.
constexpr core::Milliseconds pause_without_word{30'000};
constexpr core::Milliseconds least_pause{1000};
constexpr std::size_t max_field_bytes = 2000;

constexpr std::array<std::string_view, 7> kept_headers{
    "content-type", "content-language", "etag", "last-modified", "link", "location", "x-request-id",
};

bool is_redirection(int status) {
    return status >= 300 && status < 400 && status != 304;
}

bool asks_to_come_again(int status) {
    return status == 408 || status == 425 || status == 429;
}

Json headers_of(const HttpAnswer& answer) {
    Json kept = Json::object();
    for (const std::string_view name : kept_headers) {
        const auto value = core::find_header(answer, name);
        if (value) kept[std::string(name)] = core::to_storable_text(*value, max_field_bytes);
    }
    return kept;
}

// "application/json", "application/problem+json; charset=utf-8".
bool says_json(const HttpAnswer& answer) {
    const auto type = core::find_header(answer, "content-type");
    if (!type) return false;
    const std::string_view essence = type->substr(0, type->find_first_of("; \t"));
    return mentions(essence, "/json") || mentions(essence, "+json");
}

Error no_output_of_use(const std::string& place, const std::string& why) {
    return {ErrorClass::invalid_output, "the answer of " + place + ' ' + why};
}

core::Result<Json> body_of(const HttpAnswer& answer, const std::string& place) {
    if (answer.body.empty()) return Json();
    const auto encoding = core::find_header(answer, "content-encoding");
    if (encoding && *encoding != "identity") return no_output_of_use(place, "is compressed, which nobody asked for");
    if (says_json(answer)) {
        auto json = core::parse_json(answer.body, {max_web_body_bytes, 60}, ErrorClass::invalid_output);
        return json ? json : no_output_of_use(place, "says that it is JSON, and is " + json.error().message);
    }
    if (!core::is_storable_text(answer.body)) return no_output_of_use(place, "is no text of UTF-8");
    return Json(std::string(answer.body));
}

std::string where_to(const HttpAnswer& answer) {
    const auto location = core::find_header(answer, "location");
    if (!location) return "";
    const auto address = core::parse_web_address(*location);
    if (address) return " to " + address->host;
    return location->starts_with('/') && !location->starts_with("//") ? " to another path" : " to somewhere else";
}

WebVerdict failure_of(const HttpAnswer& answer, const std::string& place) {
    const std::string said = place + " answered " + std::to_string(answer.status);
    if (is_redirection(answer.status))
        return {Error{ErrorClass::invalid_request,
                      said + ", a redirection" + where_to(answer) + ", which is not followed"}};
    const std::string words = core::is_valid_utf8(answer.body) ? quote(answer.body) : std::string();
    const std::string message = words.empty() ? said : said + ": " + words;
    const auto pause = core::retry_after(answer);
    if (asks_to_come_again(answer.status))
        return {Error{ErrorClass::rate_limited, message}, std::max(least_pause, pause.value_or(pause_without_word))};
    if (answer.status >= 400 && answer.status < 500) return {Error{ErrorClass::invalid_request, message}};
    if (answer.status >= 500) return {Error{ErrorClass::overloaded, message}, pause};
    return {no_output_of_use(place, "has the status " + std::to_string(answer.status))};
}

}  // namespace

WebVerdict judge_web_answer(const HttpAnswer& answer, const std::string& place) {
    if (!is_success(answer.status) && answer.status != 304) return failure_of(answer, place);
    auto body = body_of(answer, place);
    if (!body) return {body.error()};
    return {Json{{"status", answer.status}, {"headers", headers_of(answer)}, {"body", std::move(*body)}}};
}

}  // namespace atelier::provider
