#pragma once
// A part of what a store holds, in the order of the bytes of whole keys.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace atelier::storage {

struct ListedObject {
    std::string key;
    std::uint64_t size = 0;
    std::int64_t modified = 0;  // seconds since 1970, by the clock of the store
};

// What is asked for: the objects whose keys begin with `prefix` and come after `after`, at most `limit`, of which the
// keys have together at most `max_key_bytes`.
struct ListWish {
    std::string prefix;
    std::string after;
    std::size_t limit = 1000;  // >= 1
    std::size_t max_key_bytes = 256 * 1024;
};

struct Listing {
    std::vector<ListedObject> objects;
    // Every object up to this text, and none behind it, was looked at; empty: all were.
    std::string next;
};

}  // namespace atelier::storage
