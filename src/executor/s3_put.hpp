#pragma once
// Puts an object into a bucket, in one request. Where the server can, an object is never replaced: what has the key
// already is looked at, and is as good as put when it holds the same bytes. Some servers (radosgw
// 16) know no conditions for an object in parts.

#include "executor/s3_work.hpp"

namespace atelier::executor {

class S3Put : public S3Work {
  public:
    using Done = StoreDone<Stored>;

    // In parts, when it is longer than the store's threshold.
    static std::shared_ptr<StoreWork> start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, NewObject object,
                                            Done done);

  protected:
    S3Put(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, NewObject object, Done done)
        : S3Work(tools, std::move(bucket), object.own_lane), object_(std::move(object)), done_(std::move(done)) {}

    const NewObject& object() const noexcept { return object_; }
    storage::s3::ObjectHeaders headers() const;
    // Whether the request that makes the object is to carry If-None-Match.
    bool choose_condition() { return conditional_ = bucket().knows_if_none_match(); }
    // What became of the request that makes the object. Where something already has the key, or the server says that
    // it knows nothing of the upload, the object that is there decides.
    void on_made(S3End end);
    // The server does not know If-None-Match: without it, from now on.
    virtual void make_without_condition() { put(); }
    // Nothing has the key, although the upload is gone. False: there is nothing that could be begun anew.
    virtual bool begin_anew() { return false; }
    // Last, once: tidies up and tells.
    virtual void finish(StoreEnd<Stored> end) { tell(std::move(end)); }
    void fail(S3End end);
    void tell(StoreEnd<Stored> end);

  private:
    void put();
    void compare();
    void on_compared(S3End end);

    const NewObject object_;
    Done done_;
    bool conditional_ = false;  // the request that makes the object, as it was built last
    bool unclear_ = false;
};

}  // namespace atelier::executor
