#include "executor/order.hpp"

#include "core/sha256.hpp"
#include "core/store_key.hpp"
#include "core/text.hpp"
#include "executor/photo_order.hpp"
#include "executor/web_order.hpp"
#include "wire/frame.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

constexpr std::size_t max_lease_bytes = 16 * 1024;
constexpr std::size_t max_inputs = 8;
constexpr std::size_t max_ai_inputs = 16;
constexpr std::size_t max_name_bytes = 200;
constexpr std::size_t max_deletions = 1000;
constexpr std::size_t max_listed = 1000;
constexpr std::size_t max_deletion_key_bytes = 256 * 1024;
constexpr std::string_view longest_extension = ".webp";

Error refuse(std::string message) {
    return {ErrorClass::invalid_request, std::move(message)};
}

Result<std::string> parse_hash(const Json& object, const std::string& whose) {
    const std::string* sha256 = core::find_string(object, "sha256");
    if (!sha256 || !core::is_sha256_hex(*sha256)) return refuse(whose + " has no sha256");
    return *sha256;
}

Result<InputPicture> parse_input(const Json& input) {
    const std::string* role = core::find_string(input, "role");
    if (!role || role->empty() || role->size() > 64) return refuse("an input of the order has no role");
    auto object = parse_object_ref(input);
    if (!object) return object.error();
    auto sha256 = parse_hash(input, "the input " + quote_name(*role));
    if (!sha256) return sha256.error();
    return InputPicture{*role, std::move(*object), std::move(*sha256)};
}

Result<OutputPlace> parse_output(const Json& request) {
    const Json* output = core::find_member(request, "output", Json::value_t::object);
    if (!output) return refuse("the order has no output");
    const std::string* prefix = core::find_string(*output, "key_prefix");
    if (!prefix || prefix->empty() || prefix->ends_with('/'))
        return refuse("the output of the order has no key prefix");
    Json object = *output;
    object["key"] = *prefix + std::string(longest_extension);
    auto whole = parse_object_ref(object);
    if (!whole) return whole.error();
    return OutputPlace{std::move(whole->store), std::move(whole->bucket), *prefix};
}

Result<Request> parse_compose(const Json& request) {
    const std::string* prompt = core::find_string(request, "prompt");
    if (!prompt) return refuse("the order has no prompt");
    const Json* settings = core::find_member(request, "settings", Json::value_t::object);
    if (!settings) return refuse("the order has no settings");
    const Json* inputs = core::find_member(request, "inputs", Json::value_t::array);
    if (!inputs || inputs->empty() || inputs->size() > max_inputs) return refuse("the order has no input, or too many");
    ComposeRequest compose{*prompt, *settings, {}, {}};
    for (const Json& entry : *inputs) {
        auto input = parse_input(entry);
        if (!input) return input.error();
        compose.inputs.push_back(std::move(*input));
    }
    auto output = parse_output(request);
    if (!output) return output.error();
    compose.output = std::move(*output);
    return Request{std::move(compose)};
}

Result<Request> parse_measure(const Json& request) {
    const Json* inputs = core::find_member(request, "inputs", Json::value_t::array);
    if (!inputs || inputs->size() != 1) return refuse("the task \"scene\" takes one input");
    auto input = parse_input(inputs->front());
    if (!input) return input.error();
    return Request{MeasureRequest{std::move(*input)}};
}

// What pictures and rows tell by themselves.
Result<Request> parse_offline_json(const Json& request) {
    const std::string* task = core::find_string(request, "task");
    if (!task) return refuse("the provider \"offline\" answers no prompt: the order names no task");
    if (*task == "scene") return parse_measure(request);
    if (*task != "products")
        return refuse("the provider \"offline\" knows no task " + quote_name(*task) + ", only scene and products");
    auto products = provider::parse_products_task(request);
    if (!products) return products.error();
    return Request{ProductsRequest{std::move(*products)}};
}

Result<Request> parse_offline(provider::Task task, const Json& request) {
    switch (task) {
        case provider::Task::image:
            return parse_compose(request);
        case provider::Task::json:
            return parse_offline_json(request);
        case provider::Task::text:
            break;
    }
    return refuse("the provider \"offline\" writes no texts");
}

Result<std::vector<InputPicture>> parse_ai_inputs(const Json& request) {
    std::vector<InputPicture> parsed;
    if (!request.contains("inputs")) return parsed;
    const Json* inputs = core::find_member(request, "inputs", Json::value_t::array);
    if (!inputs || inputs->size() > max_ai_inputs) {
        return refuse("the inputs of the order are no list, or more than " + std::to_string(max_ai_inputs));
    }
    for (const Json& entry : *inputs) {
        auto input = parse_input(entry);
        if (!input) return input.error();
        parsed.push_back(std::move(*input));
    }
    return parsed;
}

// The object of that name; null when there is none.
Result<Json> parse_optional_object(const Json& request, const char* name) {
    if (!request.contains(name) || request.at(name).is_null()) return Json();
    const Json* object = core::find_member(request, name, Json::value_t::object);
    if (!object) return refuse("the " + std::string(name) + " of the order is no object");
    return *object;
}

Result<Request> parse_ai(const std::string& provider, provider::Task task, const Json& order, const Json& request) {
    const std::string* model = core::find_string(order, "model");
    if (!model || model->empty() || model->size() > max_name_bytes) return refuse("the order names no model");
    const std::string* prompt = core::find_string(request, "prompt");
    if (!prompt || prompt->empty()) return refuse("the order has no prompt");
    const std::string* system = core::find_string(request, "system");
    auto schema = parse_optional_object(request, "schema");
    if (!schema) return schema.error();
    auto parameters = parse_optional_object(request, "parameters");
    if (!parameters) return parameters.error();
    auto inputs = parse_ai_inputs(request);
    if (!inputs) return inputs.error();
    AiRequest ai{
        provider,           task, *model, *prompt, system ? *system : "", std::move(*schema), std::move(*parameters),
        std::move(*inputs), {}};
    if (ai.parameters.is_null()) ai.parameters = Json::object();
    if (const std::string* trace = core::find_string(order, "traceparent")) ai.traceparent = *trace;
    if (task != provider::Task::image) return Request{std::move(ai)};
    auto output = parse_output(request);
    if (!output) return output.error();
    ai.output = std::move(*output);
    return Request{std::move(ai)};
}

Result<std::uint64_t> parse_limit(const Json& limits, const char* name, std::uint64_t standard) {
    if (!limits.contains(name)) return standard;
    const Json* member = core::find_member(limits, name, Json::value_t::number_unsigned);
    constexpr std::uint64_t highest = 1'000'000'000;
    if (!member || member->get<std::uint64_t>() == 0 || member->get<std::uint64_t>() > highest) {
        return refuse(std::string("the limit ") + name + " is out of range");
    }
    return member->get<std::uint64_t>();
}

Result<PictureLimits> parse_limits(const Json& request) {
    PictureLimits limits;
    if (!request.contains("limits")) return limits;
    const Json* given = core::find_member(request, "limits", Json::value_t::object);
    if (!given) return refuse("the limits of the order are no object");
    const auto max_bytes = parse_limit(*given, "max_bytes", limits.max_bytes);
    if (!max_bytes) return max_bytes.error();
    const auto max_pixels = parse_limit(*given, "max_pixels", limits.max_pixels);
    if (!max_pixels) return max_pixels.error();
    return PictureLimits{*max_bytes, *max_pixels};
}

Result<std::uint64_t> parse_size(const Json& object) {
    const Json* size = core::find_member(object, "size", Json::value_t::number_unsigned);
    if (!size || size->get<std::uint64_t>() == 0) return refuse("a size of the order is none");
    return size->get<std::uint64_t>();
}

Result<ObjectRef> parse_object(const Json& request, const char* name) {
    const Json* object = core::find_member(request, name, Json::value_t::object);
    if (!object) return refuse("the order has no " + std::string(name));
    return parse_object_ref(*object);
}

Result<Expectation> parse_expectation(const Json& request) {
    Expectation expect;
    const auto given = parse_optional_object(request, "expect");
    if (!given) return given.error();
    const auto says = [&](const char* name) { return given->contains(name) && !given->at(name).is_null(); };
    if (const std::string* mime = core::find_string(*given, "mime")) expect.mime = *mime;
    if (says("size")) {
        const auto size = parse_size(*given);
        if (!size) return size.error();
        expect.size = *size;
    }
    if (says("sha256")) {
        auto sha256 = parse_hash(*given, "what the order expects");
        if (!sha256) return sha256.error();
        expect.sha256 = std::move(*sha256);
    }
    return expect;
}

Result<Request> parse_inspect(const Json& request) {
    auto object = parse_object(request, "object");
    if (!object) return object.error();
    const auto limits = parse_limits(request);
    if (!limits) return limits.error();
    auto expect = parse_expectation(request);
    if (!expect) return expect.error();
    return Request{InspectRequest{std::move(*object), *limits, std::move(*expect)}};
}

Result<Request> parse_delete(const Json& request) {
    const Json* objects = core::find_member(request, "objects", Json::value_t::array);
    if (!objects || objects->empty() || objects->size() > max_deletions) {
        return refuse("the order has no objects, or more than " + std::to_string(max_deletions));
    }
    DeleteRequest deletion;
    std::size_t bytes = 0;
    for (const Json& entry : *objects) {
        auto object = parse_object_ref(entry);
        if (!object) return object.error();
        if (deletion.keys.empty()) deletion = {object->store, object->bucket, {}};
        if (object->store != deletion.store || object->bucket != deletion.bucket)
            return refuse("the objects of the order are not all of one bucket");
        bytes += object->key.size();
        deletion.keys.push_back(std::move(object->key));
    }
    if (bytes > max_deletion_key_bytes) return refuse("the keys of the order are longer than 256 KiB together");
    return Request{std::move(deletion)};
}

// Text that keys are compared with, empty when there is none of that name.
Result<std::string> parse_bound(const Json& request, const char* name) {
    if (!request.contains(name) || request.at(name).is_null()) return std::string();
    const std::string* text = core::find_string(request, name);
    if (!text || text->size() > core::max_store_key_bytes || !core::is_storable_text(*text))
        return refuse(std::string(name) + " of the order cannot be compared with keys");
    return *text;
}

Result<Request> parse_list(const Json& request) {
    auto prefix = parse_bound(request, "prefix");
    if (!prefix) return prefix.error();
    auto after = parse_bound(request, "after");
    if (!after) return after.error();
    const auto limit = parse_limit(request, "limit", max_listed);
    if (!limit) return limit.error();
    if (*limit > max_listed) return refuse("the limit of the order is above " + std::to_string(max_listed));
    // The rules for stores and buckets, and for the keys that begin so.
    Json object = request;
    object["key"] = *prefix + std::string(prefix->empty() || prefix->ends_with('/') ? "x" : "");
    const auto place = parse_object_ref(object);
    if (!place) return place.error();
    if (!place->url.empty()) return refuse("a library of photos cannot be listed");
    return Request{ListRequest{place->store, place->bucket, {std::move(*prefix), std::move(*after), *limit}}};
}

Result<Request> parse_move(const Json& request) {
    auto source = parse_object(request, "source");
    if (!source) return source.error();
    auto sha256 = parse_hash(request.at("source"), "the source of the order");
    if (!sha256) return sha256.error();
    const auto size = parse_size(request.at("source"));
    if (!size) return size.error();
    const std::string* mime = core::find_string(request, "mime");
    if (!mime || mime->empty() || mime->size() > max_name_bytes) return refuse("the order has no mime");
    auto target = parse_object(request, "target");
    if (!target) return target.error();
    return Request{MoveRequest{std::move(*source), std::move(*sha256), *size, *mime, std::move(*target)}};
}

Result<Request> parse_request(const Json& order) {
    const std::string* action = core::find_string(order, "action");
    if (!action) return refuse("the order has no action");
    const Json* request = core::find_member(order, "request", Json::value_t::object);
    if (!request) return refuse("the order has no request");
    if (*action == "storage.head" && request->contains("photo")) return parse_import(*request);
    if (*action == "storage.head") return parse_inspect(*request);
    const std::string* provider = core::find_string(order, "provider");
    const bool is_of_user = provider && *provider == "http";
    if (*action == "http.request") return is_of_user ? parse_web_order(order, *request) : parse_tell_of_use(*request);
    if (*action == "storage.delete") return parse_delete(*request);
    if (*action == "storage.list") return parse_list(*request);
    if (*action == "storage.put") return parse_move(*request);
    const auto task = provider::task_from_string(*action);
    if (!task) return refuse("the action " + quote_name(*action) + " is not known");
    if (!provider || provider->empty()) return refuse("the order has no provider");
    return *provider == "offline" ? parse_offline(*task, *request) : parse_ai(*provider, *task, order, *request);
}

Result<core::Milliseconds> parse_timeout(const Json& order) {
    const Json* timeout = core::find_member(order, "timeout_ms", Json::value_t::number_unsigned);
    constexpr std::uint64_t one_day = 86'400'000;
    if (!timeout || timeout->get<std::uint64_t>() == 0 || timeout->get<std::uint64_t>() > one_day) {
        return refuse("timeout_ms of the order is missing or out of range");
    }
    return core::Milliseconds{timeout->get<std::int64_t>()};
}

}  // namespace

Order parse_order(std::uint64_t attempt, std::string_view payload) {
    Order order{Json{{"attempt", attempt}}, core::Milliseconds{0}, refuse("")};
    auto json = core::parse_json(payload, {wire::max_payload_bytes, 64}, ErrorClass::invalid_request);
    if (!json) {
        order.request = refuse("the order is " + json.error().message);
        return order;
    }
    const Json* lease = core::find_member(*json, "lease", Json::value_t::object);
    if (!lease || core::write_json(*lease).size() > max_lease_bytes) {
        order.request = refuse("the order has no lease, or one longer than 16 KiB");
        return order;
    }
    order.lease = *lease;
    const auto timeout = parse_timeout(*json);
    if (!timeout) {
        order.request = timeout.error();
        return order;
    }
    order.timeout = *timeout;
    order.request = parse_request(*json);
    return order;
}

}  // namespace atelier::executor
