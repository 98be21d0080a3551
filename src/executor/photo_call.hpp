#pragma once
// One request to a server of photos: built in a thread of the pool, since a key may come out of a file.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/http.hpp"
#include "executor/http_client.hpp"
#include "executor/photo_book.hpp"
#include "executor/store_work.hpp"
#include "executor/task_pool.hpp"

namespace atelier::executor {

// What all calls share. It outlives them.
struct PhotoTools {
    EventLoop& loop;
    TaskPool& pool;
    HttpClient& http;
};

struct PhotoAsk {
    std::shared_ptr<const PhotoLibrary> photo_library;
    // Runs in a thread of the pool. `key` is empty unless one is needed.
    std::function<core::Result<core::HttpRequest>(const PhotoLibrary& library, const std::string& key)> build;
    bool needs_key = true;
    Peers peers = Peers::as_configured;
    std::size_t max_body_bytes = std::size_t{1024} * 1024;
    std::optional<core::Instant> until{};  // nullopt: until it is cancelled
};

struct PhotoAnswer {
    // The complete reply, or why there is none; of a call that only asks, one that nobody knows the end of is `network`
    // or `timeout` like any other.
    core::Result<HttpReply> reply;
    std::string key;  // that was sent, to be taken out of what the reply says
};

class PhotoCall : public StoreWork, public std::enable_shared_from_this<PhotoCall> {
  public:
    using Done = std::function<void(PhotoAnswer answer)>;

    // Calls `done` once, from the loop, never from within start().
    static std::shared_ptr<PhotoCall> start(PhotoTools& tools, PhotoAsk ask, Done done);
    void cancel() override;

  private:
    PhotoCall(PhotoTools& tools, PhotoAsk ask, Done done)
        : tools_(tools), ask_(std::move(ask)), done_(std::move(done)) {}

    void build();
    void send(core::Result<core::HttpRequest> request);
    void on_end(HttpEnd end);
    void finish(core::Result<HttpReply> reply);

    PhotoTools& tools_;
    const PhotoAsk ask_;
    Done done_;
    std::string key_;
    std::optional<HttpClient::CallId> http_;
    bool cancelled_ = false;
};

}  // namespace atelier::executor
