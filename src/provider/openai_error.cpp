#include <array>
#include <optional>

#include "provider/openai.hpp"
#include "provider/rate_limits.hpp"

namespace atelier::provider {
namespace {

using core::ErrorClass;

// `code` and `type` say more than the status: 429 is both too fast and no money, 400 both a mistake and a block.
std::optional<ErrorClass> class_of_word(const ErrorBody& body) {
    struct Row {
        std::string_view word;
        ErrorClass cls;
    };
    static constexpr std::array<Row, 15> rows{{
        {"insufficient_quota", ErrorClass::no_credit},
        {"billing_hard_limit_reached", ErrorClass::no_credit},
        {"billing_not_active", ErrorClass::no_credit},
        {"enforced_spend_limit_reached", ErrorClass::no_credit},
        {"insufficient_balance", ErrorClass::no_credit},
        {"invalid_api_key", ErrorClass::auth},
        {"authentication_error", ErrorClass::auth},
        {"account_deactivated", ErrorClass::auth},
        {"moderation_blocked", ErrorClass::content_blocked},
        {"content_policy_violation", ErrorClass::content_blocked},
        {"content_filter", ErrorClass::content_blocked},
        {"rate_limit_exceeded", ErrorClass::rate_limited},
        {"model_not_found", ErrorClass::invalid_request},
        {"invalid_request_error", ErrorClass::invalid_request},
        {"server_error", ErrorClass::overloaded},
    }};
    for (const Row& row : rows) {
        if (body.is(row.word)) return row.cls;
    }
    return std::nullopt;
}

ErrorClass classify(int status, const ErrorBody& body) {
    const auto said = class_of_word(body);
    if (is_success(status)) return said.value_or(class_of_status(status));
    const ErrorClass by_status = class_of_status(status);
    if (!said || status < 400 || status >= 500) return by_status;
    // Of the rest the status says the same, or more.
    const bool says_more =
        *said == ErrorClass::no_credit || *said == ErrorClass::auth || *said == ErrorClass::content_blocked;
    return says_more ? *said : by_status;
}

// x-should-retry of OpenAI wins over the status, not over what the body says of money, keys and blocks.
ErrorClass heed_advice(ErrorClass cls, const HttpAnswer& answer) {
    const auto advice = find_header(answer, "x-should-retry");
    if (advice == "true" && cls == ErrorClass::invalid_request) return ErrorClass::overloaded;
    if (advice == "false" && may_pause(cls)) return ErrorClass::invalid_request;
    return cls;
}

}  // namespace

Verdict judge_openai_error(const HttpAnswer& answer, const ErrorBody& body) {
    const int status = is_success(answer.status) && body.code >= 400 ? body.code : answer.status;
    const ErrorClass cls = heed_advice(classify(status, body), answer);
    auto pause = retry_after(answer);
    if (!pause && cls == ErrorClass::rate_limited) pause = limit_reset(answer);
    const auto hint = body.is("model_not_found") ? hint_of_status(404) : hint_of_status(status);
    return failed(provider_error(cls, status, body, hint), may_pause(cls) ? pause : std::nullopt);
}

}  // namespace atelier::provider
