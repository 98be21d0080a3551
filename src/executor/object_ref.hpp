#pragma once

#include <string>
#include <string_view>

#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::executor {

// Where an object is, as orders and answers name it: {"store":..,"bucket":..,"key":..}; "url" in place of a bucket
// for the photos of a library, which can only be read; beside a bucket it says nothing.
struct ObjectRef {
    std::string store;
    std::string bucket;  // empty, and not named, for the store `file`
    std::string key;
    std::string url{};
};

// Further members are left alone. invalid_request when it is none, or its key breaks a rule; whether there is such a
// store is not looked at.
core::Result<ObjectRef> parse_object_ref(const core::Json& object);

core::Json to_json(const ObjectRef& object);

// A name out of an order, fit to be quoted in a message.
std::string quote_name(std::string_view name);

}  // namespace atelier::executor
