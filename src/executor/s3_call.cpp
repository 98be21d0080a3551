#include "executor/s3_call.hpp"

#include <algorithm>
#include <new>
#include <random>
#include <utility>

#include "core/aws_credentials.hpp"
#include "core/redact.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Milliseconds;
using core::Result;
using storage::s3::Failure;
using storage::s3::Operation;
using storage::s3::Remedy;

constexpr unsigned most_tries = 3;
constexpr Milliseconds first_wait{50};
constexpr Milliseconds first_wait_after_throttling{1000};
constexpr Milliseconds longest_trial{1000};
// Whoever is to wait longer than this is better asked by somebody else.
constexpr Milliseconds longest_wait{20'000};

// What a server or a gateway says of a failure, however little was asked for.
constexpr std::size_t least_body_bytes = std::size_t{64} * 1024;

// What is shorter is no secret, and may be part of any word.
constexpr std::size_t shortest_secret = 8;

// Servers repeat what they were sent, in answers that end up in rows. A picture is no such answer.
void take_out(const storage::s3::Credentials& credentials, Operation operation, HttpReply& reply) {
    if (operation == Operation::get_object && reply.status / 100 == 2) return;
    for (const std::string* secret : {&credentials.secret_access_key, &credentials.session_token}) {
        if (secret->size() >= shortest_secret) reply.body = core::redact(reply.body, *secret);
    }
}

double draw() {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(random);
}

// Nothing was said, or not to its end.
Failure transport_failure(const Error& error) {
    if (error.cls == ErrorClass::cancelled) return {{ErrorClass::cancelled, "cancelled"}};
    if (error.cls == ErrorClass::invalid_request) return {error};
    if (error.cls == ErrorClass::invalid_output) return {{ErrorClass::invalid_request, error.message}};
    return {{ErrorClass::storage_failed, error.message}, Remedy::retry};
}

bool changes_something(Operation operation) {
    switch (operation) {
        case Operation::get_object:
        case Operation::head_object:
        case Operation::list_objects:
        case Operation::list_multipart:
            return false;
        default:
            return true;
    }
}

}  // namespace

Milliseconds s3_wait(unsigned tries, const Failure& failure, double drawn) {
    const Milliseconds first = failure.error.cls == ErrorClass::rate_limited ? first_wait_after_throttling : first_wait;
    const Milliseconds longest = std::min(first * (1U << std::min(tries - 1, 16U)), longest_wait);
    const auto jittered = Milliseconds{static_cast<Milliseconds::rep>(drawn * static_cast<double>(longest.count()))};
    return std::max(jittered, failure.retry_after.value_or(Milliseconds{0}));
}

struct S3Call::Signed {
    Result<core::HttpRequest> request = Error{ErrorClass::storage_failed, "memory ran out"};
    std::string fingerprint;  // empty: there are no credentials
    storage::s3::Credentials credentials;
};

S3Call::S3Call(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, S3Ask ask, Done done)
    : tools_(tools), bucket_(std::move(bucket)), ask_(std::move(ask)), done_(std::move(done)) {}

std::shared_ptr<S3Call> S3Call::start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, S3Ask ask, Done done) {
    std::shared_ptr<S3Call> call(new S3Call(tools, std::move(bucket), std::move(ask), std::move(done)));
    call->sign();
    return call;
}

void S3Call::cancel() {
    cancelled_ = true;
    if (http_) return tools_.http.cancel(*http_);
    // The trial may last as long as a server is silent.
    const bool waiting = std::exchange(waiting_, false);
    if (pause_) tools_.loop.cancel(*pause_);
    if (pause_ || waiting) sign_again();
}

// Within no call of ours, as any end.
void S3Call::sign_again() {
    pause_ = tools_.loop.at(core::now(), [self = shared_from_this()] { self->sign(); });
}

// In the pool: credentials come out of a file, and a body is hashed.
void S3Call::sign() {
    pause_.reset();
    if (cancelled_) return finish({Failure{{ErrorClass::cancelled, "cancelled"}}, {}, unclear_});
    const auto made = std::make_shared<Signed>();
    tools_.pool.run(
        [made, bucket = bucket_, signer = bucket_->signer(tools_.wall_clock()), build = ask_.build]() mutable {
            try {
                auto credentials = read_credentials(bucket->config());
                if (!credentials) {
                    made->request = credentials.error();
                    return;
                }
                made->fingerprint = S3Bucket::fingerprint(*credentials);
                signer.credentials = std::move(*credentials);
                made->request = build(signer);
                made->credentials = std::move(signer.credentials);
            } catch (const std::bad_alloc&) {
                made->request = Error{ErrorClass::storage_failed, "memory ran out"};
            }
        },
        [self = shared_from_this(), made] { self->send(std::move(*made)); });
}

void S3Call::send(Signed made) {
    if (cancelled_) return finish({Failure{{ErrorClass::cancelled, "cancelled"}}, {}, unclear_});
    if (!made.request) return finish({Failure{made.request.error()}, {}, unclear_});
    const core::Instant since = ask_.own_lane ? started_ : core::Instant{};
    if (auto refused = bucket_->refusal(ask_.operation, made.fingerprint, core::now(), since)) {
        return finish({Failure{std::move(*refused)}, {}, unclear_});
    }
    // The same ones again would fare no better.
    if (auto stale = std::exchange(stale_, std::nullopt); stale && made.fingerprint == fingerprint_) {
        return give_up(std::move(*stale));
    }
    fingerprint_ = std::move(made.fingerprint);
    core::wipe(credentials_);
    credentials_ = std::move(made.credentials);
    bucket_->use(credentials_.access_key_id);
    if (!may_leave()) return;
    ++tries_;
    HttpLimits limits;
    limits.connect = bucket_->config().connect_timeout;
    limits.progress = bucket_->config().progress_timeout;
    limits.max_body_bytes = std::max(ask_.max_body_bytes, least_body_bytes);
    http_ = tools_.http.start(std::move(*made.request), limits,
                              [self = shared_from_this()](HttpEnd end) { self->on_end(std::move(end)); });
}

// Whoever has waited for another's trial goes without one of its own.
bool S3Call::may_leave() {
    if (was_on_trial_) return true;
    const auto entry = bucket_->enter(fingerprint_, [self = shared_from_this()] {
        if (std::exchange(self->waiting_, false)) self->sign_again();
    });
    on_trial_ = entry == S3Bucket::Entry::go_on_trial;
    was_on_trial_ = entry != S3Bucket::Entry::go;
    waiting_ = entry == S3Bucket::Entry::wait;
    // A server that is silent is not waited for by all.
    if (on_trial_) {
        trial_ends_ = tools_.loop.at(core::now() + longest_trial, [self = shared_from_this()] { self->end_trial(); });
    }
    return !waiting_;
}

void S3Call::end_trial() {
    tools_.loop.cancel(trial_ends_);
    if (std::exchange(on_trial_, false)) bucket_->end_trial();
}

void S3Call::on_end(HttpEnd end) {
    http_.reset();
    if (!end.reply) {
        if (end.body_left && changes_something(ask_.operation)) unclear_ = true;
        return on_failure(transport_failure(end.reply.error()));
    }
    take_out(credentials_, ask_.operation, *end.reply);
    auto failure = storage::s3::failure_of(ask_.operation, end.reply->view());
    // What is refused for what it asks has been listened to.
    const bool accepted = !failure || failure->error.cls == ErrorClass::invalid_request;
    if (accepted) bucket_->accept(ask_.operation, fingerprint_);
    // A gateway that gave up, or a success that broke off. With 503 nothing was begun.
    const int status = end.reply->status;
    const bool says_nothing = (status >= 500 && status != 503) || status / 100 == 2;
    if (failure && failure->remedy != Remedy::not_supported && says_nothing && changes_something(ask_.operation)) {
        unclear_ = true;
    }
    if (failure) return on_failure(std::move(*failure));
    finish({std::nullopt, std::move(*end.reply)});
}

void S3Call::on_failure(Failure failure) {
    failure.error = bucket_->without_key_ids(std::move(failure.error));
    if (!cancelled_ && mend(failure)) return sign();
    const auto wait = s3_wait(tries_, failure, draw());
    if (cancelled_ || failure.remedy != Remedy::retry || tries_ >= most_tries || wait > longest_wait) {
        return give_up(std::move(failure));
    }
    pause_ = tools_.loop.at(core::now() + wait, [self = shared_from_this()] { self->sign(); });
}

// What the answer itself says how to put right, once each; none of it counts as a try.
bool S3Call::mend(const Failure& failure) {
    switch (failure.remedy) {
        case Remedy::set_clock:
            if (time_set_ || !failure.server_time) return false;
            bucket_->set_time(tools_.wall_clock(), *failure.server_time);
            time_set_ = true;
            break;
        case Remedy::set_region:
            if (region_set_ || failure.region.empty()) return false;
            bucket_->set_region(failure.region);
            region_set_ = true;
            break;
        case Remedy::refresh:
            if (refreshed_) return false;
            refreshed_ = true;
            stale_ = failure;
            break;
        case Remedy::send_again:
            if (sent_again_) return false;
            sent_again_ = true;
            break;
        default:
            return false;
    }
    --tries_;
    return true;
}

void S3Call::give_up(Failure failure) {
    if (failure.error.cls == ErrorClass::auth) bucket_->refuse(ask_.operation, fingerprint_, failure, core::now());
    if (cancelled_) failure.error = {ErrorClass::cancelled, "cancelled"};
    finish({std::move(failure), {}, unclear_});
}

void S3Call::finish(S3End end) {
    const auto keep_alive = shared_from_this();
    core::wipe(credentials_);
    end_trial();
    const Done done = std::exchange(done_, nullptr);
    done(std::move(end));
}

}  // namespace atelier::executor
