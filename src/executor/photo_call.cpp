#include "executor/photo_call.hpp"

#include <chrono>
#include <exception>
#include <utility>

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::HttpRequest;
using core::Result;

// Longer than any order may take.
constexpr core::Milliseconds no_end = std::chrono::hours{48};

Result<HttpRequest> build_request(const PhotoAsk& ask, std::string& key) try {
    if (!ask.needs_key) return ask.build(*ask.photo_library, key);
    auto found = read_key(*ask.photo_library);
    if (!found) return found.error();
    key = std::move(*found);
    return ask.build(*ask.photo_library, key);
} catch (const std::exception& failure) {
    return Error{ErrorClass::overloaded, failure.what()};
}

}  // namespace

std::shared_ptr<PhotoCall> PhotoCall::start(PhotoTools& tools, PhotoAsk ask, Done done) {
    std::shared_ptr<PhotoCall> call(new PhotoCall(tools, std::move(ask), std::move(done)));
    call->build();
    return call;
}

void PhotoCall::cancel() {
    cancelled_ = true;
    if (http_) tools_.http.cancel(*http_);
}

void PhotoCall::build() {
    const auto request = std::make_shared<Result<HttpRequest>>(Error{ErrorClass::overloaded, "memory ran out"});
    tools_.pool.run([self = shared_from_this(), request] { *request = build_request(self->ask_, self->key_); },
                    [self = shared_from_this(), request] { self->send(std::move(*request)); });
}

void PhotoCall::send(Result<HttpRequest> request) {
    if (cancelled_) return finish(Error{ErrorClass::cancelled, "cancelled"});
    if (!request) return finish(std::move(request).error());
    HttpLimits limits;
    limits.connect = ask_.photo_library->connect_timeout;
    limits.progress = ask_.photo_library->progress_timeout;
    limits.max_body_bytes = ask_.max_body_bytes;
    limits.peers = ask_.peers;
    limits.total = ask_.until ? core::elapsed(core::now(), *ask_.until) : no_end;
    http_ = tools_.http.start(std::move(*request), limits,
                              [self = shared_from_this()](HttpEnd end) { self->on_end(std::move(end)); });
}

// Nothing that is asked here costs anything: what may have happened on the other side may happen again.
void PhotoCall::on_end(HttpEnd end) {
    http_.reset();
    if (cancelled_) return finish(Error{ErrorClass::cancelled, "cancelled"});
    if (!end.reply && end.reply.error().cls == ErrorClass::outcome_unknown) {
        return finish(Error{ErrorClass::network, end.reply.error().message});
    }
    finish(std::move(end.reply));
}

void PhotoCall::finish(Result<HttpReply> reply) {
    const auto keep_alive = shared_from_this();
    const Done done = std::exchange(done_, nullptr);
    done({std::move(reply), std::move(key_)});
}

}  // namespace atelier::executor
