#pragma once
// Calls to one bucket that belong together, one after the other.

#include <memory>
#include <utility>

#include "executor/s3_call.hpp"
#include "executor/store_work.hpp"

namespace atelier::executor {

class S3Work : public StoreWork, public std::enable_shared_from_this<S3Work> {
  public:
    // The call under way ends, and those that come after it to tidy up are made.
    void cancel() override {
        cancelled_ = true;
        if (const auto call = current_.lock()) call->cancel();
    }

  protected:
    S3Work(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, bool own_lane)
        : tools_(tools), bucket_(std::move(bucket)), own_lane_(own_lane) {}

    S3Tools& tools() const noexcept { return tools_; }
    S3Bucket& bucket() const noexcept { return *bucket_; }
    bool cancelled() const noexcept { return cancelled_; }

    // This lives until the call has ended.
    template <class Self>
    void call(S3Ask ask, void (Self::*next)(S3End)) {
        ask.own_lane = own_lane_;
        current_ = S3Call::start(tools_, bucket_, std::move(ask),
                                 [self = shared_as<Self>(), next](S3End end) { (self.get()->*next)(std::move(end)); });
    }
    template <class Self>
    std::shared_ptr<Self> shared_as() {
        return std::static_pointer_cast<Self>(shared_from_this());
    }

  private:
    S3Tools& tools_;
    std::shared_ptr<S3Bucket> bucket_;
    std::weak_ptr<S3Call> current_;
    const bool own_lane_;
    bool cancelled_ = false;
};

}  // namespace atelier::executor
