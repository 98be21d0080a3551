#pragma once
// The door to photos that are shown from where they are: what a server of photos knows of one, its picture, and the
// word that it is used. No call blocks.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "executor/http_client.hpp"
#include "executor/photo_book.hpp"
#include "executor/photo_call.hpp"
#include "executor/store_work.hpp"
#include "executor/task_pool.hpp"
#include "provider/unsplash.hpp"

namespace atelier::executor {

class PhotoLibraries {
  public:
    using Work = std::weak_ptr<StoreWork>;  // gone when it has ended
    using Photo = provider::unsplash::Photo;
    using Nothing = provider::unsplash::Nothing;

    PhotoLibraries(EventLoop& loop, TaskPool& pool);

    // Takes the servers of a `providers` frame.
    core::Result<void> set(std::string_view payload) { return book_.replace(payload); }
    bool knows(const std::string& library) const { return book_.find(library) != nullptr; }

    // Each calls `done` once, from the loop, never from within the call. Messages name the server. One that is not
    // configured is storage_failed, since it may come back.
    Work look_up(const std::string& library, const std::string& photo_id, StoreDone<Photo> done);
    Work tell_of_use(const std::string& library, const std::string& download_location, StoreDone<Nothing> done);
    // A picture from the address that look_up() told of; `name` stands for it in messages. Classes: invalid_request,
    // storage_failed, cancelled.
    Work fetch(const std::string& library, const std::string& name, const std::string& url, const FetchLimits& limits,
               StoreDone<storage::StoredObject> done);

  private:
    template <class T>
    Work ask(const std::string& library, PhotoAsk ask,
             provider::unsplash::Verdict<T> (*judge)(const core::HttpAnswer& answer), StoreDone<T> done);
    template <class T>
    Work refuse(const std::string& library, StoreDone<T> done);

    PhotoBook book_;
    HttpClient http_;
    PhotoTools tools_;
};

}  // namespace atelier::executor
