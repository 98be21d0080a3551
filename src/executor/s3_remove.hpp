#pragma once
// Removes objects of a bucket: as many as XML can name with one request, the others one by one. Most
// servers do not tell which of them were there.

#include <string>
#include <vector>

#include "executor/s3_work.hpp"

namespace atelier::executor {

class S3Remove : public S3Work {
  public:
    using Done = StoreDone<storage::Removal>;

    // 1 to 1000 keys. What concerns all of them, such as refused credentials, is an error as a whole.
    static std::shared_ptr<StoreWork> start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket,
                                            std::vector<std::string> keys, Done done);

  private:
    S3Remove(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, std::vector<std::string> keys, Done done);

    void remove_batch();
    void on_batch(S3End end);
    void remove_next();
    void on_removed(S3End end);
    void note(std::string key, storage::s3::Failure failure);

    std::vector<std::string> batch_;
    std::vector<std::string> singles_;
    Done done_;
    storage::Removal removal_;
};

}  // namespace atelier::executor
