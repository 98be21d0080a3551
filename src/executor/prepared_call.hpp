#pragma once
// What a call needs before it can leave: the key as it is now, the input pictures, the request. Runs in the threads of
// the pool, since it reads files.

#include <string>

#include "core/result.hpp"
#include "executor/order.hpp"
#include "executor/provider_book.hpp"
#include "provider/provider.hpp"

namespace atelier::executor {

struct PreparedCall {
    core::Result<provider::HttpRequest> request = core::Error{core::ErrorClass::invalid_request, "not prepared"};
    std::string key;  // for taking it out of messages
};

// Errors: auth without a usable key; those of the store; invalid_request when a picture is too long, is none by its
// first bytes, or is not the one that was registered, or when the provider has no such call.
PreparedCall prepare_call(const std::string& store_directory, const ProviderConfig& config, const AiRequest& request);

}  // namespace atelier::executor
