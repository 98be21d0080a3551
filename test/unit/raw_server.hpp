#pragma once
// A TCP server on a free port of loopback that does to a client what a script says, byte by byte, with or without TLS:
// one thread for each connection.

#include <openssl/ssl.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "storage/unique_fd.hpp"

namespace atelier::test {

// One accepted connection.
class Peer {
  public:
    Peer(int fd, SSL_CTX* tls, std::function<void(std::string)> on_request);
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    // Head and body (of Content-Length bytes) of the next request; empty when the client left before its end. Counted.
    std::string read_request();
    // Reads on until these bytes came, which may be less than a request. Not counted. False when the client left first.
    bool read_until(std::string_view bytes);
    // Reads and forgets so many bytes.
    void skip(std::size_t bytes);
    // False when the client left.
    bool send(std::string_view bytes);
    // Until the client closes.
    void wait_for_close();
    // Closes with a RST.
    void reset();
    // Ends every read of its script, from another thread.
    void shut_down() noexcept;

  private:
    bool read_more();

    storage::UniqueFd fd_;
    SSL* ssl_ = nullptr;
    bool open_ = true;
    std::string buffer_;
    std::function<void(std::string)> on_request_;
};

class RawServer {
  public:
    using Script = std::function<void(Peer& peer)>;  // the connection is closed at its end

    // `tls` outlives the server; none: plain TCP.
    explicit RawServer(Script script, SSL_CTX* tls = nullptr);
    ~RawServer();
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;

    int port() const noexcept { return port_; }
    // By address.
    std::string url(std::string_view path = "/v1/images?key=top-secret") const;
    std::string url_of_host(std::string_view scheme, std::string_view host) const;

    int connections() const noexcept { return connections_; }
    std::vector<std::string> requests() const;  // read whole, in the order in which their reading ended

  private:
    void accept_all();
    void serve(int fd);

    Script script_;
    SSL_CTX* tls_;
    storage::UniqueFd listener_;
    int port_ = 0;
    std::atomic<int> connections_{0};
    mutable std::mutex mutex_;  // of what follows
    std::vector<std::string> requests_;
    std::vector<Peer*> peers_;
    std::vector<std::thread> peer_threads_;
    bool closing_ = false;
    std::thread acceptor_;
};

// Reads one request of each connection, then does this.
RawServer::Script after_request(std::function<void(Peer&)> then);
// Sends these bytes for it, and closes.
RawServer::Script answering(std::string bytes);

// A port of loopback that nobody listens on.
int refused_port();

// A port of loopback on which every connection attempt hangs: its queue is full, and nobody accepts.
class DeafPort {
  public:
    DeafPort();

    std::string url() const;

  private:
    storage::UniqueFd listener_;
    std::vector<storage::UniqueFd> queued_;
};

// "HTTP/1.1 STATUS x", `fields` (each with its line end), Content-Length and the body.
std::string reply(int status, std::string_view body, std::string_view fields = {});

}  // namespace atelier::test
