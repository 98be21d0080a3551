#pragma once
// One bucket of one store: how it is configured, and what its server has taught so far. For the loop's thread.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "executor/store_book.hpp"
#include "storage/s3_answers.hpp"
#include "storage/s3_requests.hpp"

namespace atelier::executor {

class S3Bucket {
  public:
    S3Bucket(std::shared_ptr<const StoreConfig> config, std::string name)
        : config_(std::move(config)), name_(std::move(name)), region_(config_->region) {}

    const StoreConfig& config() const noexcept { return *config_; }

    // What a request is signed with, but for the credentials. `time` is this machine's.
    storage::s3::Signer signer(storage::s3::WallTime time) const;
    // What the server said of its time, and of its region.
    void set_time(storage::s3::WallTime here, storage::s3::WallTime there) { offset_ = there - here; }
    void set_region(std::string region) { region_ = std::move(region); }

    // The access key of the requests from now on; one with the key before it may still be answered.
    void use(const std::string& access_key_id);
    // What the server said, without the ids of these keys. Only messages: a key of an object may look like one.
    core::Error without_key_ids(core::Error error) const;

    bool knows_if_none_match() const noexcept { return config_->if_none_match && !ignores_if_none_match_; }
    void forgo_if_none_match() noexcept { ignores_if_none_match_ = true; }

    // Credentials are told apart by a hash of them. What was refused is not asked with them again for five minutes, but
    // by who asks for it after that: see refusal().
    static std::string fingerprint(const storage::s3::Credentials& credentials);
    // Why they are not used now for this; of refusals that came after `since` only.
    std::optional<core::Error> refusal(storage::s3::Operation operation, const std::string& fingerprint,
                                       core::Instant now, core::Instant since) const;
    void refuse(storage::s3::Operation operation, const std::string& fingerprint, const storage::s3::Failure& failure,
                core::Instant now);
    void accept(storage::s3::Operation operation, const std::string& fingerprint);

    // Whether a request with these credentials may leave. Of those that no answer has accepted yet one goes alone, on
    // trial, so that wrong ones are sent once: until end_trial() the others wait for `go`.
    enum class Entry { go, go_on_trial, wait };
    Entry enter(const std::string& fingerprint, std::function<void()> go);
    void end_trial();
    // They are not called any more.
    void forget_waiting() { waiting_.clear(); }

  private:
    struct Refusal {
        std::string fingerprint;
        core::Instant made{};
        core::Error error{core::ErrorClass::auth, {}};
    };

    std::shared_ptr<const StoreConfig> config_;
    std::string name_;
    std::string region_;
    std::chrono::seconds offset_{0};
    std::string key_id_;
    std::string key_id_before_;
    bool ignores_if_none_match_ = false;
    std::string accepted_;
    bool trial_ = false;
    std::vector<std::function<void()>> waiting_;
    std::map<storage::s3::Operation, Refusal> refusals_;  // by a policy, which speaks of one operation
    std::optional<Refusal> refusal_;                      // of the credentials, or the bucket as a whole
};

}  // namespace atelier::executor
