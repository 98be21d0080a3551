#pragma once
// Lists the objects beneath the directory of the store `file`.

#include "core/result.hpp"
#include "storage/listing.hpp"

namespace atelier::storage {

// Memory is bounded by the limit of the wish and the depth of the directories, whatever they hold. Regular files alone
// are objects, and those names that no key can have are passed over; so is what a put may have left unfinished.
// storage_failed when a directory cannot be read.
core::Result<Listing> list_files(int root, const ListWish& wish);

}  // namespace atelier::storage
