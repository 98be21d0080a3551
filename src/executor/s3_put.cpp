#include "executor/s3_put.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "executor/s3_upload.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
namespace s3 = storage::s3;

// Refused for its length or its name. Other refusals of a request may as well meet every object: a server that is none
// of S3, a bucket that wants headers which are not sent.
bool is_own(const std::string& code) {
    constexpr std::array<std::string_view, 5> codes{"EntityTooLarge", "EntityTooSmall", "KeyTooLong", "KeyTooLongError",
                                                    "MetadataTooLarge"};
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace

std::shared_ptr<StoreWork> S3Put::start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, NewObject object, Done done) {
    if (object.bytes->size() > bucket->config().multipart_threshold) {
        return S3Upload::start(tools, std::move(bucket), std::move(object), std::move(done));
    }
    std::shared_ptr<S3Put> put(new S3Put(tools, std::move(bucket), std::move(object), std::move(done)));
    put->put();
    return put;
}

s3::ObjectHeaders S3Put::headers() const {
    return {object_.mime, bucket().config().cache_control, object_.sha256};
}

void S3Put::put() {
    const auto build = [object = object_, headers = headers(),
                        if_absent = choose_condition()](const s3::Signer& signer) {
        auto body = object.bytes->read(0, object.bytes->size());
        return body ? s3::put_object(signer, object.key, headers, if_absent, std::move(*body))
                    : core::Result<core::HttpRequest>(body.error());
    };
    call({s3::Operation::put_object, build}, &S3Put::on_made);
}

void S3Put::on_made(S3End end) {
    unclear_ |= end.unclear;
    if (!end.failure) return finish({Stored{}});
    if (cancelled()) return fail(std::move(end));
    if (end.failure->remedy == s3::Remedy::not_supported && conditional_) {
        bucket().forgo_if_none_match();
        return make_without_condition();
    }
    if (end.failure->code == "PreconditionFailed" || end.failure->code == "NoSuchUpload") return compare();
    fail(std::move(end));
}

void S3Put::compare() {
    const auto build = [key = object_.key](const s3::Signer& signer) { return s3::head_object(signer, key); };
    call({s3::Operation::head_object, build}, &S3Put::on_compared);
}

void S3Put::on_compared(S3End end) {
    if (end.failure && end.failure->code == "NoSuchKey") {
        if (!cancelled() && begin_anew()) return;
        const Error vanished{ErrorClass::storage_failed,
                             "the object \"" + object_.key + "\" was refused, and is not there either"};
        return finish({vanished, {}, unclear_});
    }
    if (end.failure) return fail(std::move(end));
    const auto facts = s3::object_facts(end.reply.view());
    if (facts && facts->sha256 == object_.sha256 && facts->size == object_.bytes->size()) return finish({Stored{}});
    const Error taken{ErrorClass::invalid_request, "another object has the key \"" + object_.key + "\""};
    // A server may keep no hash beside an object.
    const bool is_foreign = facts && (facts->size != object_.bytes->size() || !facts->sha256.empty());
    finish({taken, {}, unclear_ && !is_foreign, true});
}

void S3Put::fail(S3End end) {
    const bool own = is_own(end.failure->code);
    finish({std::move(end.failure->error), end.failure->retry_after, unclear_ || end.unclear, own});
}

void S3Put::tell(StoreEnd<Stored> end) {
    const Done done = std::exchange(done_, nullptr);
    done(std::move(end));
}

}  // namespace atelier::executor
