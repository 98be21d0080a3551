#include "executor/curl_reactor.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "executor/signals_blocked.hpp"

namespace atelier::executor {
namespace {

// Enough to keep a connection for each call of a busy minute; curl opens as many as there are calls.
constexpr long max_kept_connections = 512;

void check(CURLMcode code) {
    if (code != CURLM_OK) throw std::runtime_error(std::string("libcurl: ") + ::curl_multi_strerror(code));
}

void* new_multi() {
    // Once, and for the life of the process.
    static const CURLcode initialized = ::curl_global_init(CURL_GLOBAL_DEFAULT);
    if (initialized != CURLE_OK) throw std::runtime_error("libcurl cannot be initialized");
    CURLM* const multi = ::curl_multi_init();
    if (multi == nullptr) throw std::runtime_error("libcurl gives no multi handle");
    return multi;
}

std::uint32_t epoll_events(int action) noexcept {
    std::uint32_t events = 0;
    if (action & CURL_POLL_IN) events |= EPOLLIN;
    if (action & CURL_POLL_OUT) events |= EPOLLOUT;
    return events;
}

// An error is told as readiness, never as CURL_CSELECT_ERR: curl then reads what the other side said before it closed.
int curl_events(std::uint32_t events) noexcept {
    int ready = 0;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) ready |= CURL_CSELECT_IN;
    if (events & (EPOLLOUT | EPOLLERR)) ready |= CURL_CSELECT_OUT;
    return ready;
}

}  // namespace

CurlReactor::CurlReactor(EventLoop& loop, Ended ended) : loop_(loop), ended_(std::move(ended)), multi_(new_multi()) {
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlReactor::on_socket);
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlReactor::on_timer);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    ::curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, max_kept_connections);
#if LIBCURL_VERSION_NUM >= 0x081400
    ::curl_multi_setopt(multi_, CURLMOPT_QUICK_EXIT, 1L);
#endif
}

CurlReactor::~CurlReactor() {
    ::curl_multi_cleanup(multi_);
    loop_.cancel(timer_);
    for (const auto& [descriptor, watch] : watches_)
        loop_.unwatch(watch);
}

void CurlReactor::add(void* easy) {
    check(::curl_multi_add_handle(multi_, easy));
    if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
}

void CurlReactor::remove(void* easy) noexcept {
    ::curl_multi_remove_handle(multi_, easy);
}

int CurlReactor::on_socket(void*, int descriptor, int action, void* self, void*) noexcept {
    auto& reactor = *static_cast<CurlReactor*>(self);
    try {
        reactor.watch(descriptor, action);
    } catch (...) {
        reactor.fault_ = std::current_exception();
        return -1;
    }
    return 0;
}

// curl says CURL_POLL_REMOVE before it closes a descriptor, and before it keeps an idle connection.
void CurlReactor::watch(int descriptor, int action) {
    const auto found = watches_.find(descriptor);
    if (action == CURL_POLL_REMOVE) {
        if (found == watches_.end()) return;
        loop_.unwatch(found->second);
        watches_.erase(found);
    } else if (found != watches_.end()) {
        loop_.change(found->second, epoll_events(action));
    } else {
        const auto handler = [this, descriptor](std::uint32_t events) { act(descriptor, curl_events(events)); };
        watches_.emplace(descriptor, loop_.watch(descriptor, epoll_events(action), handler));
    }
}

int CurlReactor::on_timer(void*, long timeout_ms, void* self) noexcept {
    auto& reactor = *static_cast<CurlReactor*>(self);
    try {
        reactor.set_timer(timeout_ms);
    } catch (...) {
        reactor.fault_ = std::current_exception();
        return -1;
    }
    return 0;
}

void CurlReactor::set_timer(long timeout_ms) {
    loop_.cancel(timer_);
    if (timeout_ms < 0) return;
    timer_ = loop_.at(core::now() + core::Milliseconds{timeout_ms}, [this] { act(CURL_SOCKET_TIMEOUT, 0); });
}

void CurlReactor::act(int descriptor, int events) {
    CURLMcode code = CURLM_OK;
    {
        const SignalsBlocked inherited_by_resolver_threads;
        int running = 0;
        code = ::curl_multi_socket_action(multi_, descriptor, events, &running);
    }
    if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
    check(code);
    collect_ended();
}

void CurlReactor::collect_ended() {
    int left = 0;
    while (const CURLMsg* const message = ::curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        CURL* const easy = message->easy_handle;
        const CURLcode code = message->data.result;
        remove(easy);
        ended_(easy, code);
    }
}

}  // namespace atelier::executor
