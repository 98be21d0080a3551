#include "executor/s3_remove.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace atelier::executor {
namespace {

using core::ErrorClass;
namespace s3 = storage::s3;

bool concerns_all(const s3::Failure& failure) {
    return failure.error.cls == ErrorClass::auth || failure.error.cls == ErrorClass::cancelled;
}

// Servers without DeleteObjects.
bool is_unknown(const s3::Failure& failure) {
    return failure.code == "NotImplemented" || failure.code == "MethodNotAllowed";
}

}  // namespace

S3Remove::S3Remove(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, std::vector<std::string> keys, Done done)
    : S3Work(tools, std::move(bucket), true), batch_(std::move(keys)), done_(std::move(done)) {
    const auto rest = std::stable_partition(batch_.begin(), batch_.end(), s3::fits_xml);
    singles_.assign(std::move_iterator(rest), std::move_iterator(batch_.end()));
    batch_.erase(rest, batch_.end());
    if (batch_.size() == 1) singles_.push_back(std::move(batch_.front()));
    if (batch_.size() == 1) batch_.clear();
}

std::shared_ptr<StoreWork> S3Remove::start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket,
                                           std::vector<std::string> keys, Done done) {
    std::shared_ptr<S3Remove> work(new S3Remove(tools, std::move(bucket), std::move(keys), std::move(done)));
    if (work->batch_.empty()) {
        work->remove_next();
    } else {
        work->remove_batch();
    }
    return work;
}

void S3Remove::remove_batch() {
    const auto build = [keys = batch_](const s3::Signer& signer) { return s3::delete_objects(signer, keys); };
    call({s3::Operation::delete_objects, build}, &S3Remove::on_batch);
}

void S3Remove::on_batch(S3End end) {
    if (end.failure && is_unknown(*end.failure)) {
        std::move(batch_.begin(), batch_.end(), std::back_inserter(singles_));
        return remove_next();
    }
    if (end.failure) return done_({std::move(end.failure->error), end.failure->retry_after});
    auto undeleted = s3::undeleted(end.reply.view());
    if (!undeleted) return done_({undeleted.error()});
    std::set<std::string> failed;
    for (s3::KeyFailure& one : *undeleted) {
        failed.insert(one.key);
        note(std::move(one.key), std::move(one.failure));
    }
    std::copy_if(std::move_iterator(batch_.begin()), std::move_iterator(batch_.end()),
                 std::back_inserter(removal_.deleted), [&](const std::string& key) { return !failed.contains(key); });
    remove_next();
}

void S3Remove::remove_next() {
    if (singles_.empty()) return done_({std::move(removal_)});
    if (cancelled()) return done_({core::Error{ErrorClass::cancelled, "cancelled"}});
    const auto build = [key = singles_.back()](const s3::Signer& signer) { return s3::delete_object(signer, key); };
    call({s3::Operation::delete_object, build}, &S3Remove::on_removed);
}

void S3Remove::on_removed(S3End end) {
    std::string key = std::move(singles_.back());
    singles_.pop_back();
    const bool is_only_one = singles_.empty() && removal_.deleted.empty() && removal_.failed.empty();
    const bool is_missing = end.failure && end.failure->code == "NoSuchKey";
    if (end.failure && !is_missing && (is_only_one || concerns_all(*end.failure))) {
        return done_({std::move(end.failure->error), end.failure->retry_after});
    }
    if (end.failure) {
        note(std::move(key), std::move(*end.failure));
    } else {
        removal_.deleted.push_back(std::move(key));
    }
    remove_next();
}

// Some servers do tell.
void S3Remove::note(std::string key, s3::Failure failure) {
    if (failure.code == "NoSuchKey") {
        removal_.missing.push_back(std::move(key));
    } else {
        removal_.failed.push_back({std::move(key), bucket().without_key_ids(std::move(failure.error))});
    }
}

}  // namespace atelier::executor
