#pragma once
// Puts a long object into a bucket in parts, one after the other. What an earlier upload of the same key left is
// aborted first, and this one when it fails: parts that nobody completes cost money and are seen by no listing of
// objects.

#include <string>
#include <vector>

#include "executor/s3_put.hpp"

namespace atelier::executor {

class S3Upload : public S3Put {
  public:
    static std::shared_ptr<StoreWork> start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, NewObject object,
                                            Done done);

  private:
    S3Upload(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, NewObject object, Done done)
        : S3Put(tools, std::move(bucket), std::move(object), std::move(done)) {}

    void look_for_leftovers();
    void on_leftovers(S3End end);
    void abort_next();
    void on_aborted(S3End end);
    void create();
    void on_created(S3End end);
    void put_part();
    void on_part(S3End end);
    void complete();
    void on_completed(S3End end);

    void make_without_condition() override { complete(); }
    bool begin_anew() override;
    void finish(StoreEnd<Stored> end) override;
    void on_given_up(S3End end);

    std::vector<std::string> leftovers_;  // ids of uploads
    std::string upload_;                  // id; empty: none is under way
    std::vector<std::string> etags_;      // of the parts that are there
    bool anew_ = false;
    std::optional<StoreEnd<Stored>> end_;
};

}  // namespace atelier::executor
