#pragma once

#include <optional>
#include <string>
#include <utility>

#include "executor/web_access.hpp"
#include "executor/work.hpp"
#include "provider/web_request.hpp"

namespace atelier::executor {

// `http.request` of a user's pipeline: an address of theirs is called, at least once. What it answers, or that it does
// not, is the order's own: others of the same lane call elsewhere.
class HttpRequestWork : public Work {
  public:
    HttpRequestWork(WebAccess& access, provider::WebRequest request) : access_(access), request_(std::move(request)) {}

  private:
    void begin() override;
    void halt() override;
    void call();
    void on_end(HttpEnd end);

    WebAccess& access_;
    provider::WebRequest request_;
    std::string place_;  // whom it calls, for messages
    std::optional<HttpClient::CallId> http_;
};

}  // namespace atelier::executor
