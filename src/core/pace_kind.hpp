#pragma once
// What the class of a failure says of the service that was asked.

#include "core/error_class.hpp"
#include "core/pace.hpp"

namespace atelier::core {

// rate_limited, failed, unknown (the failure is not the service's), or answered for all that a service says when it is
// well.
PaceKind pace_kind(ErrorClass cls) noexcept;

// Of an order that was not asked of its service, or so long ago that it tells nothing any more.
Pace unheard();

}  // namespace atelier::core
