#pragma once
// One request to a bucket until it is answered for good: signed anew for each try, mended where the answer says how,
// tried again where that may help.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/http.hpp"
#include "executor/event_loop.hpp"
#include "executor/http_client.hpp"
#include "executor/s3_bucket.hpp"
#include "executor/task_pool.hpp"
#include "storage/s3_answers.hpp"
#include "storage/s3_requests.hpp"

namespace atelier::executor {

// What all calls share. It outlives them.
struct S3Tools {
    EventLoop& loop;
    TaskPool& pool;
    HttpClient& http;
    std::function<storage::s3::WallTime()> wall_clock;  // of this machine
};

struct S3Ask {
    storage::s3::Operation operation;
    // Runs in a thread of the pool, once for each try; a body is read by it.
    std::function<core::Result<core::HttpRequest>(const storage::s3::Signer& signer)> build;
    std::size_t max_body_bytes = std::size_t{4} * 1024 * 1024;  // of a good answer; no less than an <Error> may take
    bool own_lane = false;                                      // see FetchLimits
};

struct S3End {
    std::optional<storage::s3::Failure> failure;  // of the last try; cancelled: class `cancelled`
    HttpReply reply;                              // without a failure
    bool unclear = false;                         // failed, but a try left of which nobody knows what it did
};

// How long the next try waits: full jitter, doubling with each. `draw` is in [0, 1). Pure.
core::Milliseconds s3_wait(unsigned tries, const storage::s3::Failure& failure, double draw);

class S3Call : public std::enable_shared_from_this<S3Call> {
  public:
    using Done = std::function<void(S3End)>;

    // Calls `done` once, from the loop, never from within start().
    static std::shared_ptr<S3Call> start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, S3Ask ask, Done done);
    // `done` gets `cancelled`, at the latest when what a thread does for the call is done.
    void cancel();

  private:
    struct Signed;

    S3Call(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, S3Ask ask, Done done);

    void sign();
    void send(Signed made);
    bool may_leave();
    void end_trial();
    void sign_again();
    void on_end(HttpEnd end);
    void on_failure(storage::s3::Failure failure);
    bool mend(const storage::s3::Failure& failure);
    void give_up(storage::s3::Failure failure);
    void finish(S3End end);

    S3Tools& tools_;
    std::shared_ptr<S3Bucket> bucket_;
    const S3Ask ask_;
    Done done_;
    storage::s3::Credentials credentials_;  // of the last try
    std::string fingerprint_;               // of these
    const core::Instant started_ = core::now();
    std::optional<HttpClient::CallId> http_;
    std::optional<EventLoop::TimerId> pause_;
    EventLoop::TimerId trial_ends_{};
    unsigned tries_ = 0;
    bool time_set_ = false;
    bool region_set_ = false;
    bool refreshed_ = false;
    std::optional<storage::s3::Failure> stale_;  // for which the credentials are read again
    bool sent_again_ = false;
    bool waiting_ = false;  // for another's trial
    bool on_trial_ = false;
    bool was_on_trial_ = false;  // or has waited for another's
    bool unclear_ = false;
    bool cancelled_ = false;
};

}  // namespace atelier::executor
