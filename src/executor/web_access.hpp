#pragma once
// The way to addresses of users: which of them may be called, as the worker told of it, and the client that calls them.
// It shares nothing with those of configured servers.

#include <string>
#include <string_view>

#include "core/http_access.hpp"
#include "executor/event_loop.hpp"
#include "executor/http_client.hpp"

namespace atelier::executor {

class WebAccess {
  public:
    // `ca_file` as for HttpClient.
    explicit WebAccess(EventLoop& loop, std::string ca_file = {});

    // Takes the member "http" of a `providers` frame in place of what was known; without it no address may be called.
    // invalid_request where it has another form, and no address may be called either.
    core::Result<void> set(std::string_view payload);

    core::Result<core::AllowedUrl> judge(std::string_view url) const { return core::judge_url(url, hosts_); }

    EventLoop& loop() noexcept { return loop_; }
    HttpClient& http() noexcept { return http_; }

  private:
    EventLoop& loop_;
    core::HttpHosts hosts_;
    HttpClient http_;
};

}  // namespace atelier::executor
