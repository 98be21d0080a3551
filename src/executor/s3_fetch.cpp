#include "executor/s3_fetch.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "executor/sealed_file.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::StoredObject;
namespace s3 = storage::s3;

constexpr std::uint64_t head_bytes = 4096;

// Whether a partial answer is the part that was asked for, at least in its beginning.
bool begins_at(const HttpReply& reply, std::uint64_t first) {
    const std::string expected = "bytes " + std::to_string(first) + "-";
    return std::any_of(reply.headers.begin(), reply.headers.end(), [&](const auto& field) {
        return field.first == "content-range" && field.second.starts_with(expected);
    });
}

}  // namespace

S3Fetch::S3Fetch(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, std::string key, const FetchLimits& limits,
                 Done done)
    : S3Work(tools, std::move(bucket), limits.own_lane),
      key_(std::move(key)),
      limits_(limits),
      done_(std::move(done)) {}

std::shared_ptr<StoreWork> S3Fetch::start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, std::string key,
                                          const FetchLimits& limits, Done done) {
    std::shared_ptr<S3Fetch> fetch(new S3Fetch(tools, std::move(bucket), std::move(key), limits, std::move(done)));
    fetch->ask({0, head_bytes - 1}, {}, head_bytes, &S3Fetch::on_head);
    return fetch;
}

void S3Fetch::ask(s3::ByteRange range, const std::string& etag, std::size_t max_bytes, void (S3Fetch::*next)(S3End)) {
    const auto build = [key = key_, range, etag](const s3::Signer& signer) {
        return s3::get_object(signer, key, range, etag);
    };
    call({s3::Operation::get_object, build, max_bytes}, next);
}

void S3Fetch::on_head(S3End end) {
    if (end.failure && end.failure->code == "NoSuchKey") return refuse(ErrorClass::invalid_request, "does not exist");
    // There is no first byte.
    if (end.failure && end.failure->code == "InvalidRange")
        return refuse(ErrorClass::invalid_request, "is empty", true);
    if (end.failure) return done_({std::move(end.failure->error), end.failure->retry_after});
    const auto facts = s3::object_facts(end.reply.view());
    if (!facts) return refuse(ErrorClass::storage_failed, "came with an answer that contradicts itself");
    facts_ = *facts;
    head_ = std::move(end.reply.body);
    const bool is_the_head = end.reply.status != 206 || begins_at(end.reply, 0);
    if (!is_the_head || head_.size() != std::min(facts_.size, head_bytes)) {
        return refuse(ErrorClass::storage_failed, "came with other bytes than were asked for");
    }
    if (auto legal = check_object(key_, facts_.size, head_, limits_); !legal) {
        return done_({.result = legal.error(), .is_own = true});
    }
    if (cancelled()) return done_({Error{ErrorClass::cancelled, "cancelled"}});
    if (head_.size() == facts_.size) return deliver({});
    ask({head_bytes, facts_.size - 1}, facts_.etag, facts_.size, &S3Fetch::on_rest);
}

void S3Fetch::on_rest(S3End end) {
    if (end.failure && end.failure->code == "PreconditionFailed") {
        return refuse(ErrorClass::storage_failed, "was replaced while it was read");
    }
    if (end.failure) return done_({std::move(end.failure->error), end.failure->retry_after});
    const auto facts = s3::object_facts(end.reply.view());
    const bool is_the_rest = facts && facts->size == facts_.size && begins_at(end.reply, head_bytes) &&
                             end.reply.body.size() == facts_.size - head_bytes;
    if (!is_the_rest) {
        return refuse(ErrorClass::storage_failed, "came with other bytes than were asked for");
    }
    deliver(std::move(end.reply.body));
}

void S3Fetch::deliver(std::string rest) {
    const auto file = std::make_shared<Result<StoredObject>>(Error{ErrorClass::storage_failed, {}});
    tools().pool.run(
        [file, head = std::move(head_), rest = std::move(rest)] {
            storage::UniqueFd sealed = sealed_file({head, rest});
            const std::string reason = sealed ? "" : std::generic_category().message(errno);
            *file = sealed ? Result<StoredObject>(StoredObject{std::move(sealed), head.size() + rest.size()})
                           : Error{ErrorClass::storage_failed, "no memory for an object: " + reason};
        },
        [self = shared_as<S3Fetch>(), file] { self->done_({std::move(*file)}); });
}

void S3Fetch::refuse(ErrorClass cls, const std::string& reason, bool is_own) {
    done_({.result = Error{cls, "the object \"" + key_ + "\" " + reason}, .is_own = is_own});
}

}  // namespace atelier::executor
