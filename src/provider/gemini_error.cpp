#include <algorithm>
#include <array>

#include "provider/gemini.hpp"
#include "provider/rate_limits.hpp"

namespace atelier::provider {
namespace {

using core::ErrorClass;
using core::Json;
using core::Milliseconds;
using Type = Json::value_t;

// A daily quota opens again at midnight in California. There is no clock here: the lane looks again every hour.
constexpr Milliseconds daily_pause = std::chrono::hours(1);
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
    bool none = false;  // a limit of 0: this model is not for this account
};

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
            if (text_of(violation, "quotaId").find("PerDay") != std::string_view::npos) quota.daily = true;
            const auto value = violation.is_object() ? violation.find("quotaValue") : violation.end();
            if (!violation.is_object()) continue;
            const bool absent = value == violation.end();
            if (absent ? zero_in_message : *value == Json("0") || *value == Json(0)) quota.none = true;
        }
    });
    return quota;
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
        pause = quota.daily ? std::max(daily_pause, pause.value_or(daily_pause)) : pause.value_or(unsaid_pause);
    }
    return failed(provider_error(cls, status, body, hint_of_status(status)), may_pause(cls) ? pause : std::nullopt);
}

}  // namespace atelier::provider
