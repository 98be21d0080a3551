#pragma once
// One HTTP request: the easy handle of curl, what its callbacks do, and what is known of it while it is under way.

#include <curl/curl.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "executor/http_client.hpp"
#include "executor/http_outcome.hpp"
#include "executor/payload_clock.hpp"
#include "executor/reply_budget.hpp"
#include "executor/reply_head.hpp"

struct curl_slist;

namespace atelier::executor {

class HttpTransfer {
  public:
    using CallId = HttpClient::CallId;

    HttpTransfer(CallId id, provider::HttpRequest request, const HttpLimits& limits, ReplyBudget& budget);
    // The handle was removed from the reactor before.
    ~HttpTransfer();
    HttpTransfer(const HttpTransfer&) = delete;
    HttpTransfer& operator=(const HttpTransfer&) = delete;

    // Sets up the handle; `ca_file` as for HttpClient. False: nothing can be sent, end() says why.
    bool prepare(const std::string& ca_file);

    CallId id() const noexcept { return id_; }
    void* easy() const noexcept { return easy_; }
    static HttpTransfer& of(void* easy) noexcept;

    bool body_left() const noexcept { return body_left_; }
    const PayloadClock& clock() const noexcept { return clock_; }

    bool held_back() const noexcept { return held_back_; }
    // Reads on if the budget allows it. False: it failed on that.
    bool resume(core::Instant now);

    // Ends it from our side: the first reason stands.
    void stop(TransferStop reason) noexcept;
    void ended(int curl_code) noexcept;
    // Where only public addresses may be connected to, curl is first made to show all that the name has, of which it
    // gets none. True: that is what has ended, all of them are public, and the handle is to be added again for the
    // call.
    bool has_looked(int curl_code) noexcept;
    // What became of it. The body is moved out.
    HttpEnd end();

  private:
    bool set_headers();
    bool set_options(const std::string& ca_file);
    bool set_method();
    bool set_peers();

    static int on_socket(void* self, curlsocktype purpose, curl_sockaddr* peer) noexcept;
    static int on_connected(void* self, char*, char*, int, int) noexcept;
    static std::size_t on_send(char* buffer, std::size_t size, std::size_t count, void* self) noexcept;
    static std::size_t on_header(char* line, std::size_t size, std::size_t count, void* self) noexcept;
    static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self) noexcept;

    std::size_t send(char* buffer, std::size_t room) noexcept;
    bool take_header(std::string_view line);
    bool take_body(std::string_view bytes);
    bool is_reused() const noexcept;
    TransferFacts facts() const;

    CallId id_;
    provider::HttpRequest request_;
    HttpLimits limits_;
    ReplyBudget& budget_;
    PayloadClock clock_;
    PayloadFilter filter_;
    ReplyHead head_;
    bool looking_;  // see has_looked()
    std::string body_;
    std::size_t sent_ = 0;
    bool body_left_ = false;
    bool held_back_ = false;
    TransferStop stop_ = TransferStop::curl;
    int curl_code_ = 0;
    bool connected_ = false;
    bool refused_peer_ = false;
    bool saw_peer_ = false;  // one that is allowed
    void* easy_;
    curl_slist* headers_ = nullptr;
    std::array<char, 256> curl_message_{};
};

}  // namespace atelier::executor
