#pragma once
// An order as it stands on the wire, and what of it the executor can do. Parsing only, no I/O.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/object_ref.hpp"
#include "provider/offline_products.hpp"
#include "provider/provider.hpp"
#include "provider/web_request.hpp"
#include "storage/listing.hpp"

namespace atelier::executor {

// What a picture may be at most.
struct PictureLimits {
    std::uint64_t max_bytes = 41'943'040;
    std::uint64_t max_pixels = 50'000'000;
};

// What somebody said of an object before it was looked at. Empty members: nothing.
struct Expectation {
    std::string mime;
    std::optional<std::uint64_t> size;
    std::string sha256;
};

struct InputPicture {
    std::string role;  // "product", "scene"
    ObjectRef object;
    std::string sha256;  // as registered, 64 lower-case hex digits

    // Whether its bytes are those that were registered. The server of a photo may encode the same picture anew.
    bool is_fixed() const noexcept { return object.url.empty(); }
};

// Where an object is to be made; the extension is appended to the prefix.
struct OutputPlace {
    std::string store;
    std::string bucket;
    std::string key_prefix;
};

// `ai.image` of the provider `offline`: the media child composes.
struct ComposeRequest {
    std::string prompt;
    core::Json settings;               // an object
    std::vector<InputPicture> inputs;  // 1 to 8
    OutputPlace output;
};

// `ai.json` of the provider `offline`, {"task":"scene","inputs":[one]}: the media child measures.
struct MeasureRequest {
    InputPicture input;
};

// `ai.json` of the provider `offline`, {"task":"products",...}: see offline_products.hpp.
struct ProductsRequest {
    provider::ProductsTask task;
};

// `ai.image`, `ai.json` and `ai.text` of a configured provider: a call that costs money.
struct AiRequest {
    std::string provider;
    provider::Task task;
    std::string model;
    std::string prompt;
    std::string system;                // empty: none
    core::Json schema;                 // an object, or null
    core::Json parameters;             // an object
    std::vector<InputPicture> inputs;  // at most 16
    OutputPlace output;                // image: of the object to make
    std::string traceparent{};         // of the job's trace; empty: none
};

// `storage.head`: what is this object?
struct InspectRequest {
    ObjectRef object;
    PictureLimits limits;
    Expectation expect;
};

// `storage.delete`
struct DeleteRequest {
    std::string store;
    std::string bucket;
    std::vector<std::string> keys;  // 1 to 1000, together at most 256 KiB
};

// `storage.list`: what is there? The answer is {"objects":[{"key","size","modified"}],"truncated":..,"next":..}, with
// `modified` in seconds since 1970; where it is truncated, an order with "after" = `next` goes on.
struct ListRequest {
    std::string store;
    std::string bucket;
    storage::ListWish wish;
};

// `storage.put`: an object of one store is to be put into another.
struct MoveRequest {
    ObjectRef source;
    std::string sha256;
    std::uint64_t size = 0;
    std::string mime;
    ObjectRef target;
};

// `storage.head` of a photo that stays where it is: what is it, and where?
struct ImportRequest {
    std::string photo_library;
    std::string photo_id;
};

// `http.request` of a library of photos: it is to be told that one is used. Where the provider is "http", it is a
// provider::WebRequest.
struct TellOfUseRequest {
    std::string photo_library;
    std::string download_location;
};

using Request =
    std::variant<ComposeRequest, MeasureRequest, ProductsRequest, InspectRequest, DeleteRequest, ListRequest,
                 MoveRequest, AiRequest, ImportRequest, TellOfUseRequest, provider::WebRequest>;

struct Order {
    core::Json lease;               // echoed; {"attempt":n} when the order has none that can be
    core::Milliseconds timeout;     // from the intake, 1 ms to 1 day; one that never started goes back then
    core::Result<Request> request;  // or why it cannot be done: class invalid_request
};

Order parse_order(std::uint64_t attempt, std::string_view payload);

}  // namespace atelier::executor
