#pragma once

#include <sys/socket.h>

#include "executor/http_client.hpp"

namespace atelier::executor {

// Whether a connection to this address may be opened. Only IPv4 and IPv6 addresses of no particular interface are.
bool is_peer_allowed(Peers peers, const sockaddr& peer) noexcept;

}  // namespace atelier::executor
