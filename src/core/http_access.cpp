#include "core/http_access.hpp"

#include <utility>

namespace atelier::core {
namespace {

Error refuse(std::string message) {
    return {ErrorClass::invalid_request, std::move(message)};
}

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Every percent sign begins an octet, and in the path none is a control character: servers decode it, and some write
// what comes out into lines. In a query a line break is text like any other.
bool is_encoded_well(std::string_view target) noexcept {
    const std::size_t query = target.find('?');
    for (std::size_t at = target.find('%'); at != std::string_view::npos; at = target.find('%', at + 3)) {
        if (at + 2 >= target.size()) return false;
        const int high = hex_value(target[at + 1]);
        const int low = hex_value(target[at + 2]);
        if (high < 0 || low < 0) return false;
        const int octet = high * 16 + low;
        if (at < query && (octet < 0x20 || octet == 0x7f)) return false;
    }
    return true;
}

}  // namespace

std::string place_of(const WebAddress& address) {
    const bool is_standard = address.port == (address.is_secure ? 443 : 80);
    return is_standard ? address.host : address.host + ':' + std::to_string(address.port);
}

Result<AllowedUrl> judge_url(std::string_view url, const HttpHosts& hosts) {
    auto address = parse_web_address(url);
    if (!address) {
        return refuse(
            "the url is none of the form https://host[:port]/path?query, in at most 2048 printable ASCII characters, "
            "without user name, fragment and backslash");
    }
    const std::string place = place_of(*address);
    if (!is_encoded_well(address->target)) {
        return refuse("the url of a call to " + place +
                      " has a percent sign that encodes nothing, or a control character in its path");
    }
    if (hosts.own.names(*address)) return AllowedUrl{std::move(*address), true};
    const std::string elsewhere = ", unless pg_atelier.http_private_hosts names it";
    if (!address->is_secure) return refuse(place + " is called over https only" + elsewhere);
    if (address->form == HostForm::name && is_local_name(address->host))
        return refuse(place + " is a name of a private network, and is not called" + elsewhere);
    if (!hosts.open.names(*address)) return refuse(place + " is not among pg_atelier.http_hosts");
    return AllowedUrl{std::move(*address), false};
}

}  // namespace atelier::core
