#include "executor/http_transfer.hpp"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "executor/peer_check.hpp"

namespace atelier::executor {
namespace {

// Idle connections are closed by servers after a minute or so; one that is younger is rarely found dead.
constexpr long max_idle_seconds = 30;
// A model may think for minutes without a byte; routers forget silent connections in less.
constexpr long keepalive_seconds = 30;
// Megabytes in fewer turns of the loop than with curl's own 16 KiB; more than this gains nothing.
constexpr long read_buffer_bytes = 128 * 1024;

ClockLimits clock_limits(const HttpLimits& limits) {
    return {limits.connect, limits.progress, limits.total};
}

// Asking again changes nothing.
bool is_safe(const std::string& method) {
    return method == "GET" || method == "HEAD";
}

bool names_content_type(const std::string& header) {
    constexpr std::string_view name = "content-type:";
    return header.size() >= name.size() && std::equal(name.begin(), name.end(), header.begin(), [](char a, char b) {
               return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
           });
}

bool holds_line_break(const std::string& header) {
    return header.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos;
}

// "host" or "host:port", with neither user name nor path; "the server" if the URL has no host.
std::string host_of(const std::string& url) {
    std::string host = "the server";
    CURLU* const parts = ::curl_url();
    char* name = nullptr;
    char* port = nullptr;
    if (parts != nullptr && ::curl_url_set(parts, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
        ::curl_url_get(parts, CURLUPART_HOST, &name, 0) == CURLUE_OK) {
        host = name;
        if (::curl_url_get(parts, CURLUPART_PORT, &port, 0) == CURLUE_OK) host.append(":").append(port);
    }
    ::curl_free(name);
    ::curl_free(port);
    ::curl_url_cleanup(parts);
    return host;
}

}  // namespace

HttpTransfer::HttpTransfer(CallId id, provider::HttpRequest request, const HttpLimits& limits, ReplyBudget& budget)
    : id_(id),
      request_(std::move(request)),
      limits_(limits),
      budget_(budget),
      clock_(clock_limits(limits), core::now()),
      head_(limits.max_header_bytes),
      looking_(limits.peers == Peers::public_only),
      easy_(::curl_easy_init()) {
    if (easy_ == nullptr) throw std::bad_alloc();
}

HttpTransfer::~HttpTransfer() {
    ::curl_easy_cleanup(easy_);
    ::curl_slist_free_all(headers_);
    budget_.release(id_);
}

HttpTransfer& HttpTransfer::of(void* easy) noexcept {
    char* self = nullptr;
    ::curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
    return *reinterpret_cast<HttpTransfer*>(self);
}

bool HttpTransfer::prepare(const std::string& ca_file) {
    if (std::any_of(request_.headers.begin(), request_.headers.end(), holds_line_break)) {
        stop(TransferStop::bad_header);
        return false;
    }
    if (set_headers() && set_options(ca_file)) return true;
    ended(CURLE_OUT_OF_MEMORY);
    return false;
}

bool HttpTransfer::set_headers() {
    // Without this one curl asks for "100 Continue" before a long body, and waits a second for servers that know it
    // not.
    headers_ = ::curl_slist_append(nullptr, "Expect:");
    // And without this one it calls the body of a POST a form.
    std::vector<std::string> all = request_.headers;
    if (std::none_of(all.begin(), all.end(), names_content_type)) all.emplace_back("Content-Type:");
    for (const std::string& header : all) {
        curl_slist* const longer = headers_ ? ::curl_slist_append(headers_, header.c_str()) : nullptr;
        if (longer == nullptr) return false;
        headers_ = longer;
    }
    return headers_ != nullptr;
}

bool HttpTransfer::set_options(const std::string& ca_file) {
    static_assert(std::tuple_size_v<decltype(curl_message_)> >= CURL_ERROR_SIZE);
    bool ok = true;
    const auto set = [&](CURLoption option, auto value) {
        ok = ok && ::curl_easy_setopt(easy_, option, value) == CURLE_OK;
    };
    set(CURLOPT_PRIVATE, this);
    set(CURLOPT_URL, request_.url.c_str());
    // A signature is of the path as it was given, "/../" included.
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_HTTPHEADER, headers_);
    set(CURLOPT_ERRORBUFFER, curl_message_.data());

    ok = ok && set_method();
    // No seek function: curl cannot begin the body anew.
    set(CURLOPT_READFUNCTION, &HttpTransfer::on_send);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_PREREQFUNCTION, &HttpTransfer::on_connected);
    set(CURLOPT_PREREQDATA, this);
    set(CURLOPT_HEADERFUNCTION, &HttpTransfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &HttpTransfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_BUFFERSIZE, read_buffer_bytes);

    // One connection a call: with HTTP/2 its death would take all its calls along, and a reply that is held back would
    // hold back its neighbours.
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_MAXAGE_CONN, max_idle_seconds);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_TCP_KEEPIDLE, keepalive_seconds);
    set(CURLOPT_TCP_KEEPINTVL, keepalive_seconds);

    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!ca_file.empty()) {
        set(CURLOPT_CAINFO, ca_file.c_str());
        set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }

    set(CURLOPT_NOSIGNAL, 1L);
    // A cancelled name resolution is left to its thread, which cleans up; joined, it would hold up the loop.
    set(CURLOPT_QUICK_EXIT, 1L);
    // The clock of our own decides; this lets curl divide the time among several addresses.
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect.count()));
    return ok && set_peers();
}

bool HttpTransfer::set_method() {
    const auto size = static_cast<curl_off_t>(request_.body.size());
    bool ok = true;
    const auto set = [&](CURLoption option, auto value) {
        ok = ok && ::curl_easy_setopt(easy_, option, value) == CURLE_OK;
    };
    const std::string& method = request_.method;
    if (method == "PUT") {
        set(CURLOPT_UPLOAD, 1L);
        set(CURLOPT_INFILESIZE_LARGE, size);
    } else if (method == "HEAD") {
        set(CURLOPT_NOBODY, 1L);
    } else if (method == "POST" || method == "PATCH" || !request_.body.empty()) {
        set(CURLOPT_POST, 1L);
        set(CURLOPT_POSTFIELDSIZE_LARGE, size);
    }
    if (method == "GET" || method == "DELETE" || method == "PATCH") set(CURLOPT_CUSTOMREQUEST, method.c_str());
    return ok;
}

// Last, since it narrows what was set. A kept connection is not asked for its peer. Without curl's memory of names what
// the look saw does not hide what the name means when it is called.
bool HttpTransfer::set_peers() {
    if (limits_.peers == Peers::as_configured) return true;
    bool ok = true;
    const auto set = [&](CURLoption option, auto value) {
        ok = ok && ::curl_easy_setopt(easy_, option, value) == CURLE_OK;
    };
    set(CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::on_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    set(CURLOPT_PROTOCOLS_STR, "https");
    return ok;
}

int HttpTransfer::on_socket(void* self, curlsocktype purpose, curl_sockaddr* peer) noexcept {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    if (purpose != CURLSOCKTYPE_IPCXN || !is_peer_allowed(transfer.limits_.peers, peer->addr)) {
        transfer.refused_peer_ = true;
        return CURL_SOCKET_BAD;
    }
    transfer.saw_peer_ = true;
    if (transfer.looking_) return CURL_SOCKET_BAD;
    return ::socket(peer->family, peer->socktype | SOCK_CLOEXEC, peer->protocol);
}

// Called before each request on each connection, also when curl found a kept connection dead and begins again: allowed
// as long as nothing of the body was taken.
int HttpTransfer::on_connected(void* self, char*, char*, int, int) noexcept {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    if (transfer.refused_peer_) return CURL_PREREQFUNC_ABORT;
    if (transfer.body_left_ && !is_safe(transfer.request_.method)) return CURL_PREREQFUNC_ABORT;
    // Without a body the head is the whole request.
    transfer.body_left_ = transfer.request_.body.empty();
    transfer.connected_ = true;
    transfer.clock_.connected(core::now());
    return CURL_PREREQFUNC_OK;
}

std::size_t HttpTransfer::on_send(char* buffer, std::size_t size, std::size_t count, void* self) noexcept {
    return static_cast<HttpTransfer*>(self)->send(buffer, size * count);
}

std::size_t HttpTransfer::send(char* buffer, std::size_t room) noexcept {
    body_left_ = true;
    clock_.progressed(core::now());
    const std::size_t piece = std::min(room, request_.body.size() - sent_);
    std::memcpy(buffer, request_.body.data() + sent_, piece);
    sent_ += piece;
    return piece;
}

std::size_t HttpTransfer::on_header(char* line, std::size_t size, std::size_t count, void* self) noexcept {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    try {
        return transfer.take_header({line, size * count}) ? size * count : 0;
    } catch (const std::bad_alloc&) {
        transfer.stop(TransferStop::no_memory);
        return 0;
    }
}

bool HttpTransfer::take_header(std::string_view line) {
    // What a kept connection says before it got the request was meant for another one: libcurl 7.88 would take it.
    if (!body_left_ && is_reused()) {
        stop(TransferStop::stale_connection);
        return false;
    }
    switch (head_.take(line)) {
        case ReplyHead::Taken::ok:
            return true;
        case ReplyHead::Taken::too_long:
            stop(TransferStop::head_too_long);
            return false;
        case ReplyHead::Taken::bad_framing:
            stop(TransferStop::bad_framing);
            return false;
    }
    return false;
}

bool HttpTransfer::is_reused() const noexcept {
    long connections_made = 0;
    ::curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connections_made);
    return connections_made == 0;
}

std::size_t HttpTransfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) noexcept {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    try {
        if (transfer.take_body({bytes, size * count})) return size * count;
    } catch (const std::bad_alloc&) {
        transfer.stop(TransferStop::no_memory);
    }
    return transfer.held_back_ ? CURL_WRITEFUNC_PAUSE : size_t{0};
}

bool HttpTransfer::take_body(std::string_view bytes) {
    const std::uint64_t announced = head_.content_length().value_or(0);
    if (std::max<std::uint64_t>(announced, body_.size() + bytes.size()) > limits_.max_body_bytes) {
        stop(TransferStop::body_too_long);
        return false;
    }
    if (!budget_.may_hold(id_, bytes.size())) {
        held_back_ = true;
        clock_.pause();
        return false;
    }
    if (body_.empty()) body_.reserve(announced);
    body_.append(bytes);
    budget_.hold(id_, bytes.size());
    if (filter_.holds_payload(bytes)) clock_.progressed(core::now());
    return true;
}

bool HttpTransfer::resume(core::Instant now) {
    if (!budget_.may_hold(id_, 1)) return true;
    held_back_ = false;
    clock_.resume(now);
    const CURLcode code = ::curl_easy_pause(easy_, CURLPAUSE_CONT);
    if (code != CURLE_OK) ended(code);
    return code == CURLE_OK;
}

void HttpTransfer::ended(int curl_code) noexcept {
    // A connection that is closed within the head is a reply without a body to libcurl 7.88.
    curl_code_ = curl_code == CURLE_OK && !head_.complete() ? CURLE_PARTIAL_FILE : curl_code;
    // The rest of another call's answer, which is no HTTP: not this URL's protocol is what is wrong.
    if (curl_code == CURLE_UNSUPPORTED_PROTOCOL && connected_ && !body_left_) stop(TransferStop::stale_connection);
}

bool HttpTransfer::has_looked(int curl_code) noexcept {
    const bool looked = looking_ && stop_ == TransferStop::curl && curl_code == CURLE_COULDNT_CONNECT;
    if (!looked || !saw_peer_ || refused_peer_) return false;
    looking_ = false;
    return true;
}

void HttpTransfer::stop(TransferStop reason) noexcept {
    if (stop_ == TransferStop::curl) stop_ = reason;
}

TransferFacts HttpTransfer::facts() const {
    TransferFacts facts;
    facts.stop = stop_;
    facts.curl_code = curl_code_;
    facts.curl_message = curl_message_.data();
    facts.host = host_of(request_.url);
    facts.body_left = body_left_;
    facts.status = head_.status();
    facts.refused_peer = refused_peer_;
    facts.limits = limits_;
    long os_error = 0;
    ::curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &os_error);
    facts.os_error = static_cast<int>(os_error);
    return facts;
}

HttpEnd HttpTransfer::end() {
    const TransferFacts known = facts();
    if (auto error = error_of(known)) return {body_left_, std::move(*error), known.status};
    return {body_left_, HttpReply{known.status, head_.fields(), std::move(body_)}, known.status};
}

}  // namespace atelier::executor
