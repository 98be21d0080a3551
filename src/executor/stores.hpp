#pragma once
// The one door to every store: `file`, whose work is done by the threads of the pool, and those of the `providers`
// frame, which speak S3; and to the libraries of photos, from which is only read. No call blocks.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "executor/event_loop.hpp"
#include "executor/http_client.hpp"
#include "executor/notice.hpp"
#include "executor/object_ref.hpp"
#include "executor/photo_libraries.hpp"
#include "executor/s3_bucket.hpp"
#include "executor/s3_call.hpp"
#include "executor/store_book.hpp"
#include "executor/store_gate.hpp"
#include "executor/store_work.hpp"
#include "executor/task_pool.hpp"

namespace atelier::executor {

class Stores {
  public:
    using WallClock = std::function<storage::s3::WallTime()>;
    using Work = std::weak_ptr<StoreWork>;  // gone when it has ended

    Stores(EventLoop& loop, TaskPool& pool, std::string file_directory, TellNotice tell, WallClock wall_clock = {});
    ~Stores();  // ends what is under way, without a word
    Stores(const Stores&) = delete;
    Stores& operator=(const Stores&) = delete;

    // Takes the stores of a `providers` frame. Where something of a store changed, what it refused counts no more.
    core::Result<void> set_stores(std::string_view payload);

    PhotoLibraries& photos() noexcept { return photos_; }

    // Why nothing can be asked of the store: it is not configured, or has no credentials.
    std::optional<std::string> unusable(const std::string& store) const;
    // Why no order should begin that has something to put there; nullopt: one may. A bucket that takes nothing lets
    // one in from time to time.
    std::optional<std::string> closed(const std::string& store, const std::string& bucket);
    // Whether what is put there had better wait(), without asking for the turn to try.
    bool takes_nothing(const std::string& store, const std::string& bucket);
    // Why no order should begin that reads there: the credentials were refused.
    std::optional<std::string> unreadable(const std::string& store, const std::string& bucket) const;

    // Each calls `done` once, from the loop, never from within the call. Classes of the errors: auth, invalid_request,
    // storage_failed, rate_limited, overloaded, cancelled; the messages name the store. One that is not configured is
    // storage_failed, since it may come back.
    Work fetch(const ObjectRef& object, const FetchLimits& limits, StoreDone<storage::StoredObject> done);
    // `first_tried`: when the same object was first to be put.
    Work put(const std::string& store, const std::string& bucket, NewObject object, core::Instant first_tried,
             StoreDone<Stored> done);
    Work remove(const std::string& store, const std::string& bucket, std::vector<std::string> keys,
                StoreDone<storage::Removal> done);
    Work list(const std::string& store, const std::string& bucket, storage::ListWish wish,
              StoreDone<storage::Listing> done);

    // Calls `go` once, when it is time to put again what could not be put: after `pause`, or, while the bucket takes
    // nothing, when it is this one's turn to try or the bucket takes objects again. The function that is returned ends
    // the waiting.
    std::function<void()> wait(const std::string& store, const std::string& bucket, core::Milliseconds pause,
                               std::function<void()> go);

  private:
    using PlaceName = std::pair<std::string, std::string>;  // store and bucket
    struct Place {
        std::shared_ptr<S3Bucket> bucket;  // null: `file`, or not configured
        StoreGate gate;
        std::string unreadable;  // why; empty: it is not
        core::Instant unreadable_until{};

        explicit Place(EventLoop& loop) : gate(loop) {}
    };

    Place& place_of(const std::string& store, const std::string& bucket);
    template <class T>
    Work run_on_file(std::function<core::Result<T>(const storage::FileStore& store)> work, StoreDone<T> done);
    template <class T>
    Work refuse(const std::string& store, StoreDone<T> done);
    void note_put(const PlaceName& name, const StoreEnd<Stored>& end, core::Instant first_tried);
    void note_read(const PlaceName& name, const core::Result<storage::StoredObject>& result);
    void tell_when_changed();

    EventLoop& loop_;
    TaskPool& pool_;
    const std::string file_directory_;
    TellNotice tell_;
    StoreBook book_;
    PhotoLibraries photos_;
    HttpClient http_;
    S3Tools tools_;
    std::map<PlaceName, std::unique_ptr<Place>> places_;
    std::vector<PlaceName> told_;  // what the open alert speaks of
    bool was_told_of_stores_ = false;
};

}  // namespace atelier::executor
