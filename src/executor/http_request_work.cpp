#include "executor/http_request_work.hpp"

#include <chrono>

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;

// Longer than any order may take.
constexpr core::Milliseconds no_end = std::chrono::hours{48};

}  // namespace

// What may be called is judged by what is configured now, and may be refused: never from within start().
void HttpRequestWork::begin() {
    constexpr core::Instant at_once{};
    access_.loop().at(at_once, [self = shared_as<HttpRequestWork>()] { self->call(); });
}

void HttpRequestWork::call() {
    if (stopped()) return fail({ErrorClass::cancelled, "ended before it was done"});
    auto allowed = access_.judge(request_.http.url);
    if (!allowed) return fail(std::move(allowed).error());
    place_ = core::place_of(allowed->address);
    HttpLimits limits;
    limits.max_body_bytes = provider::max_web_body_bytes;
    limits.total = request_.timeout.value_or(no_end);
    limits.peers = allowed->is_own ? Peers::as_configured : Peers::public_only;
    begun_ = true;
    http_ = access_.http().start(std::move(request_.http), limits,
                                 [self = shared_as<HttpRequestWork>()](HttpEnd end) { self->on_end(std::move(end)); });
}

void HttpRequestWork::halt() {
    if (http_) access_.http().cancel(*http_);
}

// What may have happened on the other side may happen again: the key of the request says that it is the same.
void HttpRequestWork::on_end(HttpEnd end) {
    http_.reset();
    if (!end.reply && end.reply.error().cls == ErrorClass::outcome_unknown)
        return fail({ErrorClass::network, end.reply.error().message});
    if (!end.reply) return fail(std::move(end.reply).error());
    auto verdict = provider::judge_web_answer(end.reply->view(), place_);
    finish({.result = std::move(verdict.result), .retry_after = verdict.retry_after});
}

}  // namespace atelier::executor
