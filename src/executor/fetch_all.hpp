#pragma once

#include <memory>
#include <vector>

#include "executor/object_ref.hpp"
#include "executor/stores.hpp"

namespace atelier::executor {

using FetchedObjects = std::vector<storage::StoredObject>;

// Fetches the objects one after the other; the first that fails ends it. `done` is called once, from the loop; for no
// object at all, too.
std::weak_ptr<StoreWork> fetch_all(EventLoop& loop, Stores& stores, std::vector<ObjectRef> objects,
                                   const FetchLimits& limits, StoreDone<FetchedObjects> done);

}  // namespace atelier::executor
