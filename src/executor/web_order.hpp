#pragma once
// The order of a request that a user makes of an address of their own, out of its order.

#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/order.hpp"

namespace atelier::executor {

// `order` with "lease", "position" and perhaps "traceparent"; `request` as provider/web_request.hpp reads it.
core::Result<Request> parse_web_order(const core::Json& order, const core::Json& request);

}  // namespace atelier::executor
