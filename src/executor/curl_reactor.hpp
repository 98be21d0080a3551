#pragma once
// libcurl's multi interface on the event loop: descriptors and time go in, ended transfers come out. Easy handles are
// void* here: curl/curl.h stays in the .cpp files.

#include <exception>
#include <functional>
#include <unordered_map>

#include "executor/event_loop.hpp"

namespace atelier::executor {

class CurlReactor {
  public:
    // Called from the loop, outside of curl, for each handle whose transfer ended by itself. It is removed already.
    using Ended = std::function<void(void* easy, int curl_code)>;

    // Needs SIGPIPE ignored: OpenSSL writes to sockets that may be closed. Throws std::runtime_error when curl gives no
    // handle. What curl or the loop cannot go on from is thrown out of the loop's run() too.
    CurlReactor(EventLoop& loop, Ended ended);
    // Every handle was removed before.
    ~CurlReactor();
    CurlReactor(const CurlReactor&) = delete;
    CurlReactor& operator=(const CurlReactor&) = delete;

    // Begins in the loop's next turn.
    void add(void* easy);
    // Ends its transfer at once; a name resolution under way is left to its thread.
    void remove(void* easy) noexcept;

  private:
    static int on_socket(void* easy, int descriptor, int action, void* self, void*) noexcept;
    static int on_timer(void* multi, long timeout_ms, void* self) noexcept;

    void watch(int descriptor, int action);
    void set_timer(long timeout_ms);
    void act(int descriptor, int events);
    void collect_ended();

    EventLoop& loop_;
    Ended ended_;
    void* multi_;
    std::unordered_map<int, EventLoop::WatchId> watches_;  // by descriptor
    EventLoop::TimerId timer_{};
    std::exception_ptr fault_;  // of a callback: must not pass through curl's frames
};

}  // namespace atelier::executor
