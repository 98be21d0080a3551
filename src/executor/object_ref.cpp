#include "executor/object_ref.hpp"

#include "core/store_key.hpp"
#include "core/text.hpp"

namespace atelier::executor {
namespace {

constexpr std::size_t max_bucket_bytes = 255;

core::Error refuse(std::string message) {
    return {core::ErrorClass::invalid_request, std::move(message)};
}

}  // namespace

core::Result<ObjectRef> parse_object_ref(const core::Json& object) {
    const std::string* store = core::find_string(object, "store");
    if (!store || store->empty()) return refuse("an object of the order names no store");
    const std::string* bucket = core::find_string(object, "bucket");
    if (*store == "file" && bucket && !bucket->empty()) return refuse("the store \"file\" has no buckets");
    const bool has_bucket = bucket && !bucket->empty();
    const std::string* url = *store != "file" && !has_bucket ? core::find_string(object, "url") : nullptr;
    if (*store != "file" && !url && (!has_bucket || bucket->size() > max_bucket_bytes)) {
        return refuse("an object of the store " + quote_name(*store) + " names no bucket");
    }
    const std::string* key = core::find_string(object, "key");
    if (!key) return refuse("an object of the order has no key");
    if (auto legal = *store == "file" ? core::check_store_key(*key) : core::check_object_key(*key); !legal) {
        return legal.error();
    }
    return ObjectRef{*store, bucket ? *bucket : std::string(), *key, url ? *url : std::string()};
}

core::Json to_json(const ObjectRef& object) {
    core::Json json{{"store", object.store}, {"key", object.key}};
    if (!object.bucket.empty()) json["bucket"] = object.bucket;
    return json;
}

std::string quote_name(std::string_view name) {
    return '"' + core::to_storable_text(name, 100) + '"';
}

}  // namespace atelier::executor
