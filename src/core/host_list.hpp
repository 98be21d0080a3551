#pragma once
// Hosts that may be called, as the settings pg_atelier.http_hosts and pg_atelier.http_private_hosts name them:
//
//   api.example.com, *.example.com, api.example.org:8443, *
//
// A name is compared label by label: *.example.com is every name below example.com, not itself, and nothing that only
// ends like it. Neither it nor * means an internationalized label (xn--..), which may look like another name: such a
// name is meant where it stands itself. So is an address by number, in the one way to write it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/web_address.hpp"

namespace atelier::core {

enum class HostKind {
    open,  // of everybody's network: names of two labels or more, public addresses. Without a port: 443
    own,   // of one's own network: any name or address, no *. Without a port: the one of the scheme
};

// A name that means nothing in everybody's network: of one label, or of a domain that is set aside for other uses.
bool is_local_name(std::string_view host) noexcept;

class HostList {
  public:
    HostList() = default;

    // At most 64 KiB and 1000 entries; white space around them counts for nothing, and an empty text is an empty list.
    // The error, class invalid_request, names the entry.
    static Result<HostList> parse(std::string_view text, HostKind kind);

    // Whether the list names host and port of this address. The scheme is for others to judge.
    bool names(const WebAddress& address) const noexcept;

  private:
    enum class Reach { itself, below, all };
    struct Entry {
        Reach reach = Reach::itself;
        std::string host;                   // of `all`: empty
        std::optional<std::uint16_t> port;  // nullopt: the one that goes without saying
    };

    static Result<Entry> parse_entry(std::string_view text, HostKind kind);
    bool means(const Entry& entry, const WebAddress& address) const noexcept;

    HostKind kind_ = HostKind::open;
    std::vector<Entry> entries_;
};

}  // namespace atelier::core
