#include "executor/fetch_all.hpp"

#include <utility>

namespace atelier::executor {
namespace {

class FetchAll : public StoreWork, public std::enable_shared_from_this<FetchAll> {
  public:
    FetchAll(Stores& stores, std::vector<ObjectRef> objects, const FetchLimits& limits, StoreDone<FetchedObjects> done)
        : stores_(stores), objects_(std::move(objects)), limits_(limits), done_(std::move(done)) {}

    void cancel() override {
        cancelled_ = true;
        if (const auto step = step_.lock()) step->cancel();
    }

    void next() {
        if (cancelled_) return done_({core::Error{core::ErrorClass::cancelled, "cancelled"}});
        if (fetched_.size() == objects_.size()) return done_({std::move(fetched_)});
        step_ = stores_.fetch(
            objects_[fetched_.size()], limits_, [self = shared_from_this()](StoreEnd<storage::StoredObject> end) {
                if (!end.result) {
                    return self->done_(
                        {.result = end.result.error(), .retry_after = end.retry_after, .is_own = end.is_own});
                }
                self->fetched_.push_back(std::move(*end.result));
                self->next();
            });
    }

  private:
    Stores& stores_;
    const std::vector<ObjectRef> objects_;
    const FetchLimits limits_;
    const StoreDone<FetchedObjects> done_;
    FetchedObjects fetched_;
    std::weak_ptr<StoreWork> step_;
    bool cancelled_ = false;
};

}  // namespace

std::weak_ptr<StoreWork> fetch_all(EventLoop& loop, Stores& stores, std::vector<ObjectRef> objects,
                                   const FetchLimits& limits, StoreDone<FetchedObjects> done) {
    const bool nothing = objects.empty();
    const auto work = std::make_shared<FetchAll>(stores, std::move(objects), limits, std::move(done));
    if (nothing) {
        loop.at(core::now(), [work] { work->next(); });
    } else {
        work->next();
    }
    return work;
}

}  // namespace atelier::executor
