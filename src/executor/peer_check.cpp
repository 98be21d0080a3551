#include "executor/peer_check.hpp"

#include <netinet/in.h>

#include "core/address_policy.hpp"

namespace atelier::executor {
namespace {

template <class Address>
core::Reach reach_of_bytes(const Address& address) noexcept {
    return core::reach_of({reinterpret_cast<const std::uint8_t*>(&address), sizeof address});
}

core::Reach reach_of_peer(const sockaddr& peer) noexcept {
    if (peer.sa_family == AF_INET) return reach_of_bytes(reinterpret_cast<const sockaddr_in&>(peer).sin_addr);
    if (peer.sa_family != AF_INET6) return core::Reach::elsewhere;
    const auto& address = reinterpret_cast<const sockaddr_in6&>(peer);
    return address.sin6_scope_id == 0 ? reach_of_bytes(address.sin6_addr) : core::Reach::elsewhere;
}

}  // namespace

bool is_peer_allowed(Peers peers, const sockaddr& peer) noexcept {
    if (peers == Peers::as_configured) return peer.sa_family == AF_INET || peer.sa_family == AF_INET6;
    return reach_of_peer(peer) == core::Reach::everybody;
}

}  // namespace atelier::executor
