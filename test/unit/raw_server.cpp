#include "raw_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace atelier::test {
namespace {

storage::UniqueFd bound_socket() {
    storage::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        throw std::system_error(errno, std::generic_category(), "bind");
    return fd;
}

int port_of(int fd) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.sin_port);
}

std::size_t content_length(const std::string& head) {
    const std::size_t found = head.find("Content-Length: ");
    return found == std::string::npos ? 0 : std::strtoull(head.c_str() + found + 16, nullptr, 10);
}

}  // namespace

Peer::Peer(int fd, SSL_CTX* tls, std::function<void(std::string)> on_request)
    : fd_(fd), on_request_(std::move(on_request)) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (tls == nullptr) return;
    ssl_ = ::SSL_new(tls);
    ::SSL_set_fd(ssl_, fd);
    open_ = ::SSL_accept(ssl_) == 1;
}

Peer::~Peer() {
    ::SSL_free(ssl_);
}

bool Peer::read_more() {
    if (!open_) return false;
    std::array<char, 65536> bytes;
    const ssize_t got =
        ssl_ ? ::SSL_read(ssl_, bytes.data(), bytes.size()) : ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    open_ = got > 0;
    if (open_) buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    return open_;
}

bool Peer::read_until(std::string_view bytes) {
    while (buffer_.find(bytes) == std::string::npos)
        if (!read_more()) return false;
    return true;
}

std::string Peer::read_request() {
    constexpr std::string_view end_of_head = "\r\n\r\n";
    if (!read_until(end_of_head)) return {};
    const std::size_t head = buffer_.find(end_of_head) + end_of_head.size();
    const std::size_t whole = head + content_length(buffer_.substr(0, head));
    while (buffer_.size() < whole)
        if (!read_more()) return {};
    std::string request = buffer_.substr(0, whole);
    buffer_.erase(0, whole);
    on_request_(request);
    return request;
}

void Peer::skip(std::size_t bytes) {
    while (buffer_.size() < bytes && read_more()) {
    }
    buffer_.erase(0, bytes);
}

bool Peer::send(std::string_view bytes) {
    while (open_ && !bytes.empty()) {
        const ssize_t put = ssl_ ? ::SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                 : ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        open_ = put > 0;
        if (open_) bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return open_;
}

void Peer::wait_for_close() {
    while (read_more())
        buffer_.clear();
}

void Peer::reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    open_ = false;
}

void Peer::shut_down() noexcept {
    ::shutdown(fd_.get(), SHUT_RDWR);
}

RawServer::RawServer(Script script, SSL_CTX* tls) : script_(std::move(script)), tls_(tls), listener_(bound_socket()) {
    if (::listen(listener_.get(), 1024) != 0) throw std::system_error(errno, std::generic_category(), "listen");
    port_ = port_of(listener_.get());
    acceptor_ = std::thread([this] { accept_all(); });
}

RawServer::~RawServer() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        for (Peer* const peer : peers_)
            peer->shut_down();
    }
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : peer_threads_)
        thread.join();
}

void RawServer::accept_all() {
    while (true) {
        const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        ++connections_;
        peer_threads_.emplace_back([this, fd] { serve(fd); });
    }
}

void RawServer::serve(int fd) {
    Peer peer(fd, tls_, [this](std::string request) {
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
    });
    {
        const std::lock_guard lock(mutex_);
        if (closing_) return;
        peers_.push_back(&peer);
    }
    script_(peer);
    const std::lock_guard lock(mutex_);
    peers_.erase(std::find(peers_.begin(), peers_.end(), &peer));
}

std::string RawServer::url(std::string_view path) const {
    return url_of_host(tls_ ? "https" : "http", "127.0.0.1") + std::string(path);
}

std::string RawServer::url_of_host(std::string_view scheme, std::string_view host) const {
    return std::string(scheme) + "://" + std::string(host) + ":" + std::to_string(port_);
}

std::vector<std::string> RawServer::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

RawServer::Script after_request(std::function<void(Peer&)> then) {
    return [then = std::move(then)](Peer& peer) {
        if (!peer.read_request().empty()) then(peer);
    };
}

RawServer::Script answering(std::string bytes) {
    return after_request([bytes = std::move(bytes)](Peer& peer) { peer.send(bytes); });
}

int refused_port() {
    return port_of(bound_socket().get());
}

DeafPort::DeafPort() : listener_(bound_socket()) {
    if (::listen(listener_.get(), 0) != 0) throw std::system_error(errno, std::generic_category(), "listen");
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    for (int i = 0; i < 4; ++i) {
        queued_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        ::connect(queued_.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
}

std::string DeafPort::url() const {
    return "http://127.0.0.1:" + std::to_string(port_of(listener_.get())) + "/images?key=secret";
}

std::string reply(int status, std::string_view body, std::string_view fields) {
    return "HTTP/1.1 " + std::to_string(status) + " x\r\n" + std::string(fields) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace atelier::test
