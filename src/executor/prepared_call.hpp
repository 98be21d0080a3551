#pragma once
// What a call needs before it can leave: the key as it is now, the input pictures, the request. Runs in the threads of
// the pool, since it reads files.

#include <string>
#include <vector>

#include "core/result.hpp"
#include "executor/order.hpp"
#include "executor/provider_book.hpp"
#include "provider/provider.hpp"
#include "storage/file_store.hpp"

namespace atelier::executor {

struct PreparedCall {
    core::Result<provider::HttpRequest> request = core::Error{core::ErrorClass::invalid_request, "not prepared"};
    std::string key;  // for taking it out of messages
};

// `objects`: the inputs of the request, in their order. Errors: auth without a usable key; storage_failed when an input
// cannot be read; invalid_request when it is not the one that was registered, or the provider has no such call.
PreparedCall prepare_call(const ProviderConfig& config, const AiRequest& request,
                          const std::vector<storage::StoredObject>& objects);

}  // namespace atelier::executor
