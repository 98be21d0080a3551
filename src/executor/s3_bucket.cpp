#include "executor/s3_bucket.hpp"

#include <utility>

#include "core/redact.hpp"
#include "core/sha256.hpp"

namespace atelier::executor {
namespace {

using storage::s3::Operation;

constexpr std::chrono::minutes refused_for{5};
// What is shorter may be a word of any message.
constexpr std::size_t shortest_id = 8;

bool is_by_policy(const storage::s3::Failure& failure) {
    return failure.code.empty() || failure.code == "AccessDenied";
}

}  // namespace

storage::s3::Signer S3Bucket::signer(storage::s3::WallTime time) const {
    return {{config_->endpoint, region_, name_, config_->path_style}, {}, config_->sign_payload, time + offset_};
}

std::string S3Bucket::fingerprint(const storage::s3::Credentials& credentials) {
    return core::sha256_hex(credentials.access_key_id + '\n' + credentials.secret_access_key + '\n' +
                            credentials.session_token);
}

void S3Bucket::use(const std::string& access_key_id) {
    if (access_key_id != key_id_) key_id_before_ = std::exchange(key_id_, access_key_id);
}

core::Error S3Bucket::without_key_ids(core::Error error) const {
    for (const std::string* id : {&key_id_, &key_id_before_})
        if (id->size() >= shortest_id) error.message = core::redact(error.message, *id);
    return error;
}

std::optional<core::Error> S3Bucket::refusal(Operation operation, const std::string& fingerprint, core::Instant now,
                                             core::Instant since) const {
    const auto holds = [&](const Refusal& refusal) {
        return refusal.fingerprint == fingerprint && refusal.made >= since && now < refusal.made + refused_for;
    };
    if (refusal_ && holds(*refusal_)) return refusal_->error;
    const auto found = refusals_.find(operation);
    if (found != refusals_.end() && holds(found->second)) return found->second.error;
    return std::nullopt;
}

void S3Bucket::refuse(Operation operation, const std::string& fingerprint, const storage::s3::Failure& failure,
                      core::Instant now) {
    Refusal refusal{fingerprint, now, failure.error};
    if (is_by_policy(failure)) {
        refusals_.insert_or_assign(operation, std::move(refusal));
    } else {
        // Accepted once, and no longer: when it is time to ask again, one goes alone.
        if (accepted_ == fingerprint) accepted_.clear();
        refusal_ = std::move(refusal);
    }
}

void S3Bucket::accept(Operation operation, const std::string& fingerprint) {
    accepted_ = fingerprint;
    refusal_.reset();
    refusals_.erase(operation);
}

S3Bucket::Entry S3Bucket::enter(const std::string& fingerprint, std::function<void()> go) {
    if (accepted_ == fingerprint) return Entry::go;
    if (!std::exchange(trial_, true)) return Entry::go_on_trial;
    waiting_.push_back(std::move(go));
    return Entry::wait;
}

void S3Bucket::end_trial() {
    trial_ = false;
    for (const auto& go : std::exchange(waiting_, {}))
        go();
}

}  // namespace atelier::executor
