#pragma once
// HTTP/1.1 requests through libcurl's multi interface, on the event loop. A request body leaves at most once: curl
// cannot rewind it, so that a connection which dies is never silently tried again; only GET and HEAD are. Over http or
// https (TLS 1.2 or newer, host and certificate verified), with no redirect, no proxy, no netrc, no cookie and no
// decompression: a Content-Encoding that nobody asked for is passed on with its header.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "executor/event_loop.hpp"
#include "provider/provider.hpp"

namespace atelier::executor {

// Which addresses a call may be connected to.
enum class Peers {
    as_configured,  // any
    // Over https, and only where all addresses of the name are core::Reach::everybody: they are looked at before the
    // first is connected to, and again when it is.
    public_only,
};

struct HttpLimits {
    core::Milliseconds connect{10'000};  // name resolution, TCP and TLS
    // Between pieces of the request, then between bytes that are payload: white space and SSE comments are none.
    core::Milliseconds progress{180'000};
    core::Milliseconds total{600'000};         // from start() on
    std::size_t max_header_bytes = 64 * 1024;  // with interim replies and trailers; at most 200 fields in any case
    std::size_t max_body_bytes = std::size_t{48} * 1024 * 1024;
    // Other than as_configured: on a connection of its own.
    Peers peers = Peers::as_configured;
};

struct HttpReply {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;

    provider::HttpAnswer view() const { return {status, headers, body}; }
};

struct HttpEnd {
    // curl asked for the first byte of the request's body (without a body: was about to send the head): the
    // other side may have done what was asked for.
    bool body_left = false;
    // The complete reply; or what arrived of one whose status is not 2xx, which is judged by that; or why there is
    // none. Failures before the body left: network (TLS refused too), timeout, invalid_request (URL, header or
    // peer), overloaded (no memory). After it: outcome_unknown. A body that is too long, of a 2xx: invalid_output.
    // Cancelled: `cancelled`. Messages name the host, never path, query or header.
    core::Result<HttpReply> reply;
    int status = 0;  // of the final reply; 0: none arrived
};

class HttpClient {
  public:
    using CallId = std::uint64_t;
    using Done = std::function<void(HttpEnd)>;

    // Replies under way hold at most `max_buffered_bytes` together; when that is used up, only the oldest of them is
    // read on. While a call is held back so, its clock of progress stands still. `ca_file`: PEM certificates to trust
    // instead of the system's. Needs SIGPIPE ignored. Throws std::runtime_error when libcurl cannot be used.
    HttpClient(EventLoop& loop, std::size_t max_buffered_bytes, std::string ca_file = {});
    ~HttpClient();  // aborts what is under way, without a word
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    // Calls `done` once, from the loop, never from within start().
    CallId start(provider::HttpRequest request, const HttpLimits& limits, Done done);
    // `done` gets `cancelled` in the loop's next turn, unless the call has ended already. Unknown ids are ignored.
    void cancel(CallId id);

    // Whether a byte of the body was handed to the connection; false for unknown ids.
    bool body_left(CallId id) const;
    std::size_t under_way() const noexcept;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace atelier::executor
