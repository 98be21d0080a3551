#include "executor/order.hpp"

#include "core/sha256.hpp"
#include "core/store_key.hpp"
#include "core/text.hpp"
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
constexpr std::size_t max_deletion_key_bytes = 256 * 1024;
constexpr std::string_view longest_extension = ".webp";

Error refuse(std::string message) {
    return {ErrorClass::invalid_request, std::move(message)};
}

// A name out of an order, fit to be quoted in a message.
std::string quote(std::string_view name) {
    return '"' + core::to_storable_text(name, 100) + '"';
}

// The key of {"store":"file","key":..}.
Result<std::string> parse_reference(const Json& reference) {
    const std::string* store = core::find_string(reference, "store");
    if (!store) return refuse("an object of the order names no store");
    if (*store != "file") return refuse("the store " + quote(*store) + " is not known");
    const std::string* key = core::find_string(reference, "key");
    if (!key) return refuse("an object of the order has no key");
    if (auto legal = core::check_store_key(*key); !legal) return legal.error();
    return *key;
}

Result<InputPicture> parse_input(const Json& input) {
    const std::string* role = core::find_string(input, "role");
    if (!role || role->empty() || role->size() > 64) return refuse("an input of the order has no role");
    auto key = parse_reference(input);
    if (!key) return key.error();
    const std::string* sha256 = core::find_string(input, "sha256");
    if (!sha256 || !core::is_sha256_hex(*sha256)) return refuse("the input " + quote(*role) + " has no sha256");
    return InputPicture{*role, std::move(*key), *sha256};
}

Result<std::string> parse_key_prefix(const Json& output) {
    const std::string* store = core::find_string(output, "store");
    if (!store || *store != "file") return refuse("the output of the order names no known store");
    const std::string* prefix = core::find_string(output, "key_prefix");
    if (!prefix || prefix->empty() || prefix->ends_with('/'))
        return refuse("the output of the order has no key prefix");
    if (auto legal = core::check_store_key(*prefix + std::string(longest_extension)); !legal) return legal.error();
    return *prefix;
}

Result<Request> parse_compose(const Json& request) {
    const std::string* prompt = core::find_string(request, "prompt");
    if (!prompt) return refuse("the order has no prompt");
    const Json* settings = core::find_member(request, "settings", Json::value_t::object);
    if (!settings) return refuse("the order has no settings");
    const Json* inputs = core::find_member(request, "inputs", Json::value_t::array);
    if (!inputs || inputs->empty() || inputs->size() > max_inputs) return refuse("the order has no input, or too many");
    const Json* output = core::find_member(request, "output", Json::value_t::object);
    if (!output) return refuse("the order has no output");

    ComposeRequest compose{*prompt, *settings, {}, {}};
    for (const Json& entry : *inputs) {
        auto input = parse_input(entry);
        if (!input) return input.error();
        compose.inputs.push_back(std::move(*input));
    }
    auto prefix = parse_key_prefix(*output);
    if (!prefix) return prefix.error();
    compose.key_prefix = std::move(*prefix);
    return Request{std::move(compose)};
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
    if (task != provider::Task::image) return Request{std::move(ai)};
    const Json* output = core::find_member(request, "output", Json::value_t::object);
    if (!output) return refuse("the order has no output");
    auto prefix = parse_key_prefix(*output);
    if (!prefix) return prefix.error();
    ai.key_prefix = std::move(*prefix);
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

Result<Request> parse_inspect(const Json& request) {
    const Json* object = core::find_member(request, "object", Json::value_t::object);
    if (!object) return refuse("the order has no object");
    auto key = parse_reference(*object);
    if (!key) return key.error();
    const auto limits = parse_limits(request);
    if (!limits) return limits.error();
    return Request{InspectRequest{std::move(*key), *limits}};
}

Result<Request> parse_delete(const Json& request) {
    const Json* objects = core::find_member(request, "objects", Json::value_t::array);
    if (!objects || objects->empty() || objects->size() > max_deletions) {
        return refuse("the order has no objects, or more than " + std::to_string(max_deletions));
    }
    DeleteRequest deletion;
    std::size_t bytes = 0;
    for (const Json& object : *objects) {
        auto key = parse_reference(object);
        if (!key) return key.error();
        bytes += key->size();
        deletion.keys.push_back(std::move(*key));
    }
    if (bytes > max_deletion_key_bytes) return refuse("the keys of the order are longer than 256 KiB together");
    return Request{std::move(deletion)};
}

Result<Request> parse_request(const Json& order) {
    const std::string* action = core::find_string(order, "action");
    if (!action) return refuse("the order has no action");
    const Json* request = core::find_member(order, "request", Json::value_t::object);
    if (!request) return refuse("the order has no request");
    if (*action == "storage.head") return parse_inspect(*request);
    if (*action == "storage.delete") return parse_delete(*request);
    const auto task = provider::task_from_string(*action);
    if (!task) return refuse("the action " + quote(*action) + " is not known");
    const std::string* provider = core::find_string(order, "provider");
    if (!provider || provider->empty()) return refuse("the order has no provider");
    if (*provider != "offline") return parse_ai(*provider, *task, order, *request);
    if (*task != provider::Task::image) return refuse("the provider \"offline\" makes pictures only");
    return parse_compose(*request);
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
