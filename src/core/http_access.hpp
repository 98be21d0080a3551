#pragma once
// Which addresses a user may have called, by their words. Whom a name leads to is judged by its bytes when it is
// connected to: see address_policy.hpp. Pure.

#include <string>
#include <string_view>

#include "core/host_list.hpp"
#include "core/result.hpp"
#include "core/web_address.hpp"

namespace atelier::core {

struct HttpHosts {
    HostList open;  // may be called over https, where every address of theirs is public
    HostList own;   // may be called over http too, wherever they are
};

struct AllowedUrl {
    WebAddress address;
    bool is_own = false;  // named by HttpHosts::own
};

// invalid_request for a URL that is not called, with the reason. It names the host, never path or query.
Result<AllowedUrl> judge_url(std::string_view url, const HttpHosts& hosts);

// "host", or "host:port" where that is not the one of the scheme.
std::string place_of(const WebAddress& address);

}  // namespace atelier::core
