#include <algorithm>
#include <array>

#include "provider/gemini.hpp"
#include "provider/pacific_time.hpp"
#include "provider/rate_limits.hpp"

namespace atelier::provider {
namespace {

using core::ErrorClass;
using core::Json;
using core::Milliseconds;
using Type = Json::value_t;

constexpr Milliseconds a_minute = std::chrono::minutes(1);
constexpr Milliseconds an_hour = std::chrono::hours(1);
constexpr Milliseconds most_of_a_day = std::chrono::hours(23);
// Nothing said: capacity that is shared, or a limit on what is spent within ten minutes.
constexpr Milliseconds unsaid_pause = std::chrono::minutes(2);

// google.rpc.Code, for errors within a 2xx that give no number.
int status_of_word(std::string_view word) {
    struct Row {
        std::string_view word;
        int status;
    };
    static constexpr std::array<Row, 8> rows{{{"INVALID_ARGUMENT", 400},
                                              {"FAILED_PRECONDITION", 400},
                                              {"UNAUTHENTICATED", 401},
                                              {"PERMISSION_DENIED", 403},
                                              {"NOT_FOUND", 404},
                                              {"RESOURCE_EXHAUSTED", 429},
                                              {"UNAVAILABLE", 503},
                                              {"DEADLINE_EXCEEDED", 504}}};
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& each) { return each.word == word; });
    return row == rows.end() ? 500 : row->status;
}

std::string_view text_of(const Json& object, const char* name) {
    const std::string* text = core::find_string(object, name);
    return text ? std::string_view(*text) : std::string_view{};
}

// The details of a google.rpc type, in any order and number.
template <class Use>
void each_detail(const ErrorBody& body, std::string_view type, Use use) {
    if (!body.details.is_array()) return;
    for (const Json& detail : body.details) {
        if (text_of(detail, "@type").ends_with(type)) use(detail);
    }
}

bool is_key_refused(const ErrorBody& body) {
    bool refused = mentions(body.message, "api key not valid") || mentions(body.message, "api key expired");
    each_detail(body, "google.rpc.ErrorInfo",
                [&](const Json& detail) { refused = refused || text_of(detail, "reason").starts_with("API_KEY_"); });
    return refused;
}

struct Quota {
    bool daily = false;
    bool none = false;                    // a limit of 0: this model is not for this account
    std::vector<core::AxisLimit> limits;  // of a minute
};

std::optional<core::Axis> axis_of(std::string_view quota_id) {
    if (quota_id.find("Token") != std::string_view::npos) return core::Axis::tokens;
    if (quota_id.find("Images") != std::string_view::npos) return core::Axis::images;
    if (quota_id.find("Requests") != std::string_view::npos) return core::Axis::requests;
    return std::nullopt;
}

// "GenerateRequestsPerMinutePerProjectPerModel-FreeTier" with the value "10"
std::optional<core::AxisLimit> limit_of_minute(std::string_view quota_id, const Json& value) {
    const auto axis = axis_of(quota_id);
    const auto limit = value.is_number_unsigned() ? std::optional(value.get<std::uint64_t>())
                       : value.is_string()        ? parse_count(value.get_ref<const std::string&>())
                                                  : std::nullopt;
    if (quota_id.find("PerMinute") == std::string_view::npos || !axis || limit.value_or(0) == 0) return std::nullopt;
    return core::AxisLimit{*axis, std::min<std::uint64_t>(*limit, INT64_MAX), {}, {}, a_minute};
}

Quota read_quota(const ErrorBody& body) {
    Quota quota;
    // A number of 0 is left out of protobuf's JSON; then the message has it.
    const std::string_view message = body.message;
    const std::size_t limit = message.find("limit: 0");
    const bool zero_in_message =
        limit != std::string_view::npos &&
        (limit + 8 == message.size() || message.find_first_of("0123456789.", limit + 8) != limit + 8);
    each_detail(body, "google.rpc.QuotaFailure", [&](const Json& detail) {
        const Json* violations = core::find_member(detail, "violations", Type::array);
        if (!violations) return;
        for (const Json& violation : *violations) {
            if (!violation.is_object()) continue;
            const std::string_view id = text_of(violation, "quotaId");
            if (id.find("PerDay") != std::string_view::npos) quota.daily = true;
            const auto value = violation.find("quotaValue");
            const bool absent = value == violation.end();
            const auto told = absent ? std::nullopt : limit_of_minute(id, *value);
            if (told && quota.limits.size() < core::max_axis_limits) quota.limits.push_back(*told);
            if (absent ? zero_in_message : *value == Json("0") || *value == Json(0)) quota.none = true;
        }
    });
    return quota;
}

// A daily quota opens again at midnight in California, and perhaps not at once everywhere: who is refused soon after it
// looks again in an hour, not in a day. So does who is not told what time it is.
Milliseconds pause_of_day(const HttpAnswer& answer) {
    const auto date = find_header(answer, "date");
    const auto now = date ? core::parse_http_date(*date) : std::nullopt;
    const Milliseconds rest = now ? until_pacific_midnight(*now) : Milliseconds::max();
    return rest > most_of_a_day ? an_hour : rest + a_minute;
}

std::optional<Milliseconds> told_pause(const HttpAnswer& answer, const ErrorBody& body) {
    std::optional<Milliseconds> pause;
    each_detail(body, "google.rpc.RetryInfo", [&](const Json& detail) {
        if (const auto told = parse_duration(text_of(detail, "retryDelay"))) pause = told;
    });
    return pause ? pause : retry_after(answer);
}

ErrorClass classify(int status, const ErrorBody& body, const Quota& quota) {
    if (status == 400 && is_key_refused(body)) return ErrorClass::auth;
    if (status == 400 && body.is("failed_precondition")) {
        const bool of_money = mentions(body.message, "billing") || mentions(body.message, "credit");
        return of_money ? ErrorClass::no_credit : ErrorClass::auth;
    }
    if (status == 429 && quota.none) return ErrorClass::no_credit;
    return class_of_status(status);
}

}  // namespace

Verdict judge_gemini_error(const HttpAnswer& answer, const ErrorBody& body) {
    int status = answer.status;
    if (is_success(status)) status = body.code >= 400 ? body.code : status_of_word(body.word);
    const Quota quota = read_quota(body);
    const ErrorClass cls = classify(status, body, quota);
    auto pause = told_pause(answer, body);
    if (cls == ErrorClass::rate_limited) {
        pause = quota.daily ? std::max(pause_of_day(answer), pause.value_or(a_minute)) : pause.value_or(unsaid_pause);
    }
    auto verdict =
        failed(provider_error(cls, status, body, hint_of_status(status)), may_pause(cls) ? pause : std::nullopt);
    verdict.pace.daily = quota.daily && cls == ErrorClass::rate_limited;
    verdict.pace.limits = quota.limits;
    return verdict;
}

}  // namespace atelier::provider
