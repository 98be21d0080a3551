#include "executor/stores.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "executor/file_facts.hpp"
#include "executor/s3_fetch.hpp"
#include "executor/s3_list.hpp"
#include "executor/s3_put.hpp"
#include "executor/s3_remove.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::FileStore;
using storage::StoredObject;

// Of objects that are being read.
constexpr std::size_t max_reply_bytes = std::size_t{256} * 1024 * 1024;
constexpr std::chrono::minutes unreadable_for{5};
constexpr const char* alert_kind = "store_unavailable";

storage::s3::WallTime system_time() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::string quoted(const std::string& store) {
    return "the store \"" + store + "\"";
}

std::string not_configured(const std::string& store) {
    return quoted(store) + " is not configured";
}

// Names the store in what its client says.
template <class T>
StoreDone<T> naming(const std::string& store, StoreDone<T> done) {
    return [store, done = std::move(done)](StoreEnd<T> end) {
        if (!end.result && end.result.error().cls != ErrorClass::cancelled) {
            end.result = Error{end.result.error().cls, quoted(store) + ": " + end.result.error().message};
        }
        done(std::move(end));
    };
}

}  // namespace

Stores::Stores(EventLoop& loop, TaskPool& pool, std::string file_directory, TellNotice tell, WallClock wall_clock)
    : loop_(loop),
      pool_(pool),
      file_directory_(std::move(file_directory)),
      tell_(std::move(tell)),
      photos_(loop, pool),
      http_(loop, max_reply_bytes),
      tools_{loop, pool, http_, wall_clock ? std::move(wall_clock) : system_time} {}

// Whoever waits holds the bucket.
Stores::~Stores() {
    for (const auto& [name, place] : places_)
        if (place->bucket) place->bucket->forget_waiting();
}

Result<void> Stores::set_stores(std::string_view payload) {
    // Of a frame with one bad part nothing is taken.
    StoreBook told = book_;
    if (auto replaced = told.replace(payload); !replaced) return replaced;
    if (auto replaced = photos_.set(payload); !replaced) return replaced;
    const StoreBook before = std::exchange(book_, std::move(told));
    was_told_of_stores_ = true;
    for (auto& [name, place] : places_) {
        const auto config = book_.find(name.first);
        if (name.first == "file" || config == before.find(name.first)) continue;
        place->bucket = config ? std::make_shared<S3Bucket>(config, name.second) : nullptr;
        place->unreadable.clear();
        // What an earlier executor left may have come before the worker said which stores there are.
        before.find(name.first) ? place->gate.knock() : place->gate.open();
    }
    tell_when_changed();
    return {};
}

std::optional<std::string> Stores::unusable(const std::string& store) const {
    if (store == "file" || photos_.knows(store)) return std::nullopt;
    const auto config = book_.find(store);
    if (!config) return not_configured(store);
    if (config->credentials_error.empty()) return std::nullopt;
    return quoted(store) + ": " + config->credentials_error;
}

std::optional<std::string> Stores::closed(const std::string& store, const std::string& bucket) {
    StoreGate& gate = place_of(store, bucket).gate;
    if (gate.admits(core::now())) return std::nullopt;
    return quoted(store) + " takes no objects: " + *gate.failure();
}

bool Stores::takes_nothing(const std::string& store, const std::string& bucket) {
    return place_of(store, bucket).gate.failure() != nullptr;
}

std::optional<std::string> Stores::unreadable(const std::string& store, const std::string& bucket) const {
    const auto found = places_.find({store, bucket});
    if (found == places_.end() || found->second->unreadable.empty()) return std::nullopt;
    if (core::now() >= found->second->unreadable_until) return std::nullopt;
    return quoted(store) + " gives no objects: " + found->second->unreadable;
}

Stores::Place& Stores::place_of(const std::string& store, const std::string& bucket) {
    auto& place = places_[{store, bucket}];
    if (place) return *place;
    place = std::make_unique<Place>(loop_);
    if (const auto config = book_.find(store)) place->bucket = std::make_shared<S3Bucket>(config, bucket);
    return *place;
}

Stores::Work Stores::fetch(const ObjectRef& object, const FetchLimits& limits, StoreDone<StoredObject> done) {
    if (object.store == "file") {
        const auto open = [key = object.key, limits](const FileStore& store) -> Result<StoredObject> {
            auto opened = store.open_object(key);
            if (!opened) return opened;
            const auto head = read_file_head(opened->fd.get());
            if (!head) return head.error();
            if (auto legal = check_object(key, opened->size, *head, limits); !legal) return legal.error();
            return opened;
        };
        return run_on_file<StoredObject>(open, std::move(done));
    }
    if (!object.url.empty()) return photos_.fetch(object.store, object.key, object.url, limits, std::move(done));
    const auto& bucket = place_of(object.store, object.bucket).bucket;
    if (!bucket) return refuse(object.store, std::move(done));
    const auto noted = [this, name = PlaceName{object.store, object.bucket},
                        done = naming(object.store, std::move(done))](StoreEnd<StoredObject> end) {
        note_read(name, end.result);
        done(std::move(end));
    };
    return S3Fetch::start(tools_, bucket, object.key, limits, noted);
}

Stores::Work Stores::put(const std::string& store, const std::string& bucket, NewObject object,
                         core::Instant first_tried, StoreDone<Stored> done) {
    const auto noted = [this, name = PlaceName{store, bucket}, first_tried,
                        done = naming(store, std::move(done))](StoreEnd<Stored> end) {
        note_put(name, end, first_tried);
        done(std::move(end));
    };
    const auto& place = place_of(store, bucket);
    if (store == "file") {
        const auto write = [object = std::move(object)](const FileStore& file_store) -> Result<Stored> {
            if (auto stored = object.bytes->put_into(file_store, object.key); !stored) return stored.error();
            return Stored{};
        };
        return run_on_file<Stored>(write, noted);
    }
    if (!place.bucket) return refuse<Stored>(store, noted);
    return S3Put::start(tools_, place.bucket, std::move(object), noted);
}

Stores::Work Stores::remove(const std::string& store, const std::string& bucket, std::vector<std::string> keys,
                            StoreDone<storage::Removal> done) {
    if (store == "file") {
        const auto erase = [keys = std::move(keys)](const FileStore& file_store) { return file_store.remove(keys); };
        return run_on_file<storage::Removal>(erase, std::move(done));
    }
    const auto& s3_bucket = place_of(store, bucket).bucket;
    if (!s3_bucket) return refuse(store, std::move(done));
    return S3Remove::start(tools_, s3_bucket, std::move(keys), naming(store, std::move(done)));
}

Stores::Work Stores::list(const std::string& store, const std::string& bucket, storage::ListWish wish,
                          StoreDone<storage::Listing> done) {
    if (store == "file") {
        const auto walk = [wish = std::move(wish)](const FileStore& file_store) { return file_store.list(wish); };
        return run_on_file<storage::Listing>(walk, std::move(done));
    }
    const auto& s3_bucket = place_of(store, bucket).bucket;
    if (!s3_bucket) return refuse(store, std::move(done));
    return S3List::start(tools_, s3_bucket, std::move(wish), naming(store, std::move(done)));
}

// What a thread does cannot be taken back. Opened anew for each use: a descriptor that is kept goes on leading to the
// directory that was there before something was mounted over it or put in its place.
template <class T>
Stores::Work Stores::run_on_file(std::function<Result<T>(const FileStore& store)> work, StoreDone<T> done) {
    const auto result = std::make_shared<Result<T>>(Error{ErrorClass::storage_failed, "memory ran out"});
    pool_.run(
        [directory = file_directory_, work = std::move(work), result] {
            try {
                const auto store = FileStore::open(directory);
                *result = store ? work(*store) : store.error();
            } catch (const std::bad_alloc&) {
                // It says so already.
            }
        },
        [result, done = std::move(done)] { done({std::move(*result)}); });
    return {};
}

template <class T>
Stores::Work Stores::refuse(const std::string& store, StoreDone<T> done) {
    loop_.at(core::now(), [store, done = std::move(done)] {
        done({Error{ErrorClass::storage_failed, not_configured(store)}});
    });
    return {};
}

std::function<void()> Stores::wait(const std::string& store, const std::string& bucket, core::Milliseconds pause,
                                   std::function<void()> go) {
    StoreGate& gate = place_of(store, bucket).gate;
    if (gate.failure()) {
        return [&gate, id = gate.wait(std::move(go))] { gate.leave(id); };
    }
    return [this, id = loop_.at(core::now() + pause, std::move(go))] { loop_.cancel(id); };
}

void Stores::note_put(const PlaceName& name, const StoreEnd<Stored>& end, core::Instant first_tried) {
    StoreGate& gate = place_of(name.first, name.second).gate;
    if (end.result) {
        gate.worked(core::now());
    } else if (end.is_own) {
        gate.knock();
    } else if (end.result.error().cls != ErrorClass::cancelled) {
        gate.failed(end.result.error(), first_tried, core::now());
    }
    tell_when_changed();
}

void Stores::note_read(const PlaceName& name, const Result<StoredObject>& result) {
    Place& place = place_of(name.first, name.second);
    if (result) {
        place.unreadable.clear();
    } else if (result.error().cls == ErrorClass::auth) {
        place.unreadable = result.error().message;
        place.unreadable_until = core::now() + unreadable_for;
    }
    tell_when_changed();
}

void Stores::tell_when_changed() {
    constexpr std::size_t most = 3;
    std::vector<PlaceName> closed;
    std::string text;
    for (const auto& [name, place] : places_) {
        const std::string* reason = place->gate.failure();
        if (!reason && !place->unreadable.empty()) reason = &place->unreadable;
        // What was left to be stored may come before the worker has said which stores there are.
        if (!reason || (name.first != "file" && !was_told_of_stores_)) continue;
        if (closed.size() < most)
            text += (closed.empty() ? "" : "; ") + quoted(name.first) + " is unavailable: " + *reason;
        closed.push_back(name);
    }
    if (closed == told_) return;
    told_ = closed;
    tell_({alert_kind, text,
           "See that it can be reached, has room, and takes the credentials of its user mapping. Paid answers wait in "
           "the spool and are stored once it works; no other order for it begins until then.",
           closed.empty()});
}

}  // namespace atelier::executor
