#pragma once
// Reads an object of a bucket: first its beginning, which tells how long it is and whether it is a picture, then the
// rest of the same version.

#include <string>

#include "executor/s3_work.hpp"

namespace atelier::executor {

class S3Fetch : public S3Work {
  public:
    using Done = StoreDone<storage::StoredObject>;

    // `done` gets a sealed file in memory.
    static std::shared_ptr<StoreWork> start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, std::string key,
                                            const FetchLimits& limits, Done done);

  private:
    S3Fetch(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, std::string key, const FetchLimits& limits, Done done);

    void ask(storage::s3::ByteRange range, const std::string& etag, std::size_t max_bytes,
             void (S3Fetch::*next)(S3End));
    void on_head(S3End end);
    void on_rest(S3End end);
    void deliver(std::string rest);
    void refuse(core::ErrorClass cls, const std::string& reason, bool is_own = false);

    const std::string key_;
    const FetchLimits limits_;
    Done done_;
    storage::s3::ObjectFacts facts_;
    std::string head_;
};

}  // namespace atelier::executor
