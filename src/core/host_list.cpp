#include "core/host_list.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "core/address_policy.hpp"
#include "core/text.hpp"

namespace atelier::core {
namespace {

constexpr std::size_t max_list_bytes = std::size_t{64} * 1024;
constexpr std::size_t max_entries = 1000;
constexpr std::size_t max_quoted_bytes = 100;
constexpr std::uint16_t https_port = 443;

// RFC 6761, 6762, 7686, 8375 and ICANN's list of names that private networks use.
constexpr std::array<std::string_view, 13> domains_set_aside{
    "local", "localdomain", "localhost", "internal", "intranet", "private",   "corp",
    "home",  "lan",         "onion",     "i2p",      "invalid",  "home.arpa",
};

bool is_below(std::string_view host, std::string_view domain) noexcept {
    return host.size() > domain.size() + 1 && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.';
}

bool is_one_label(std::string_view host) noexcept {
    return host.find('.') == std::string_view::npos;
}

bool is_set_aside(std::string_view host) noexcept {
    return std::any_of(domains_set_aside.begin(), domains_set_aside.end(),
                       [host](std::string_view domain) { return host == domain || is_below(host, domain); });
}

bool has_internationalized_label(std::string_view labels) noexcept {
    return labels.starts_with("xn--") || labels.find(".xn--") != std::string_view::npos;
}

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view white_space = " \t\r\n";
    const std::size_t first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

// Of an address that host_form() took for one.
bool is_public(const WebAddress& address) noexcept {
    const bool is_v6 = address.form == HostForm::v6;
    const std::string text = is_v6 ? address.host.substr(1, address.host.size() - 2) : address.host;
    std::array<std::uint8_t, 16> bytes{};
    if (::inet_pton(is_v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) != 1) return false;
    return reach_of({bytes.data(), is_v6 ? std::size_t{16} : std::size_t{4}}) == Reach::everybody;
}

Error refuse(std::string_view entry, const char* why) {
    return {ErrorClass::invalid_request, '"' + to_storable_text(entry, max_quoted_bytes) + "\" " + why};
}

}  // namespace

bool is_local_name(std::string_view host) noexcept {
    return is_one_label(host) || is_set_aside(host);
}

Result<HostList> HostList::parse(std::string_view text, HostKind kind) {
    if (text.size() > max_list_bytes) return Error{ErrorClass::invalid_request, "the list is longer than 64 KiB"};
    HostList list;
    list.kind_ = kind;
    if (trimmed(text).empty()) return list;
    for (bool is_last = false; !is_last;) {
        const std::size_t comma = text.find(',');
        is_last = comma == std::string_view::npos;
        auto entry = parse_entry(trimmed(text.substr(0, comma)), kind);
        if (!entry) return entry.error();
        if (list.entries_.size() == max_entries)
            return Error{ErrorClass::invalid_request, "the list is longer than 1000 entries"};
        list.entries_.push_back(std::move(*entry));
        if (!is_last) text.remove_prefix(comma + 1);
    }
    return list;
}

// What stands in a list may stand in a URL, and is read by the same rules.
Result<HostList::Entry> HostList::parse_entry(std::string_view text, HostKind kind) {
    if (text.empty()) return refuse(text, "is no host: there is a comma too many");
    Entry entry;
    std::string_view place = text;
    if (place.starts_with("*.")) {
        entry.reach = Reach::below;
        place.remove_prefix(2);
    } else if (place == "*" || place.starts_with("*:")) {
        entry.reach = Reach::all;
    }
    const bool is_all = entry.reach == Reach::all;
    const std::string written = is_all ? "any.host" + std::string(place.substr(1)) : std::string(place);
    const auto address = parse_web_address("https://" + written);
    if (!address || !address->target.empty()) return refuse(text, "is no host, and none with a port");
    const bool has_port = written.size() > address->host.size();
    if (has_port) entry.port = address->port;
    if (is_all && kind == HostKind::own) return refuse(text, "would open the whole network of this machine");
    if (is_all) return entry;
    if (entry.reach == Reach::below && address->form != HostForm::name)
        return refuse(text, "is an address, below which there is nothing");
    const bool is_everybodys =
        entry.reach == Reach::below && is_one_label(address->host) && !is_set_aside(address->host);
    if (is_everybodys) return refuse(text, "is a whole top-level domain");
    const bool is_reachable = address->form == HostForm::name ? !is_local_name(address->host) : is_public(*address);
    if (kind == HostKind::open && !is_reachable) return refuse(text, "is no public host or domain");
    entry.host = address->host;
    return entry;
}

bool HostList::names(const WebAddress& address) const noexcept {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return means(entry, address); });
}

bool HostList::means(const Entry& entry, const WebAddress& address) const noexcept {
    const std::uint16_t standard_port = kind_ == HostKind::own && !address.is_secure ? 80 : https_port;
    if (address.port != entry.port.value_or(standard_port)) return false;
    if (entry.reach == Reach::itself) return address.host == entry.host;
    if (address.form != HostForm::name) return false;
    if (entry.reach == Reach::all) return !is_local_name(address.host) && !has_internationalized_label(address.host);
    if (!is_below(address.host, entry.host)) return false;
    const auto labels = std::string_view(address.host).substr(0, address.host.size() - entry.host.size() - 1);
    return !has_internationalized_label(labels);
}

}  // namespace atelier::core
