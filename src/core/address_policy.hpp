#pragma once
// Whom an address that came from outside may lead to, judged by the bytes that are about to be connected to.

#include <cstdint>
#include <span>

namespace atelier::core {

enum class Reach {
    everybody,     // global unicast
    this_machine,  // loopback
    elsewhere,     // private, link-local, shared, reserved, a tunnel, or of a cloud's own services
};

// `address`: 4 bytes of IPv4 or 16 of IPv6, in network order; any other length is `elsewhere`. By the special-purpose
// registries of IANA; of IPv6 only 2000::/3 is global. What carries an IPv4 address (mapped, NAT64,
// ISATAP) is judged by that.
Reach reach_of(std::span<const std::uint8_t> address) noexcept;

}  // namespace atelier::core
