#pragma once
// The providers as the worker told of them, keys included. Nothing of this is ever logged.

#include <map>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "executor/api_access.hpp"
#include "provider/provider.hpp"

namespace atelier::executor {

struct ProviderConfig : ApiAccess {
    provider::Endpoint endpoint;
};

class ProviderBook {
  public:
    // Takes the payload of a `providers` frame in place of what was known: {"providers":[{"name","kind","base_url",
    // "api_version","connect_timeout_ms","progress_timeout_ms", "api_key" | "api_key_file" | "key_error"}]}.
    // invalid_request, and nothing changed, when it has another form.
    core::Result<void> replace(std::string_view payload);

    // nullptr when there is no such provider.
    const ProviderConfig* find(const std::string& name) const;

  private:
    std::map<std::string, ProviderConfig> providers_;
};

}  // namespace atelier::executor
