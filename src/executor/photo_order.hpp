#pragma once
// The orders of photos that stay where they are, out of their requests.

#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/order.hpp"

namespace atelier::executor {

// {"library","photo"}
core::Result<Request> parse_import(const core::Json& request);
// {"library","download_location"}
core::Result<Request> parse_tell_of_use(const core::Json& request);

}  // namespace atelier::executor
