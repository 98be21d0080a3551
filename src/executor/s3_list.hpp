#pragma once
// Lists a part of a bucket with one request.

#include "executor/s3_work.hpp"
#include "storage/listing.hpp"

namespace atelier::executor {

class S3List : public S3Work {
  public:
    using Done = StoreDone<storage::Listing>;

    // Keys that no order could name are passed over.
    static std::shared_ptr<StoreWork> start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, storage::ListWish wish,
                                            Done done);

  private:
    S3List(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, storage::ListWish wish, Done done)
        : S3Work(tools, std::move(bucket), true), wish_(std::move(wish)), done_(std::move(done)) {}

    void ask();
    void on_page(S3End end);

    const storage::ListWish wish_;
    Done done_;
};

// The page as far as the wish goes; storage_failed when it is not of what was asked for, or in another order than that
// of bytes: whoever took it for one would miss objects, or ask for the same page forever. Pure.
core::Result<storage::Listing> listing_of(const storage::ListWish& wish, storage::s3::ListPage page);

}  // namespace atelier::executor
