#include "media/job.hpp"

#include "media/compose.hpp"
#include "media/inspect.hpp"
#include "media/measure.hpp"
#include "media/report.hpp"

namespace atelier::media {
namespace {

using core::Json;

core::Error invalid(std::string message) {
    return {core::ErrorClass::invalid_request, std::move(message)};
}

std::uint64_t positive(const Json& limits, const char* name, std::uint64_t otherwise) {
    const Json* value = core::find_member(limits, name, Json::value_t::number_unsigned);
    return value != nullptr && value->get<std::uint64_t>() > 0 ? value->get<std::uint64_t>() : otherwise;
}

Limits limits_of(const Json& order) {
    const Limits standard;
    const Json* limits = core::find_member(order, "limits", Json::value_t::object);
    if (limits == nullptr) return standard;
    return {positive(*limits, "max_bytes", standard.max_bytes), positive(*limits, "max_pixels", standard.max_pixels)};
}

core::Result<std::string> read_registered(const Json& input, std::size_t index, const Limits& limits,
                                          const ReadInput& read_input) {
    auto bytes = read_input(index, limits.max_bytes);
    if (!bytes) return bytes.error();
    const std::string* registered = core::find_string(input, "sha256");
    if (registered != nullptr && *registered != sha256_hex(*bytes))
        return invalid("the stored object changed since it was registered");
    return bytes;
}

struct Inputs {
    std::string product;
    std::string scene;
};

core::Result<Inputs> read_inputs(const Json& order, const Limits& limits, const ReadInput& read_input) {
    const Json* list = core::find_member(order, "inputs", Json::value_t::array);
    if (list == nullptr) return invalid("the order names no inputs");
    Inputs inputs;
    bool has_product = false;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const std::string* role = core::find_string((*list)[i], "role");
        if (role == nullptr || (*role != "product" && *role != "scene"))
            return invalid("an input is neither product nor scene");
        auto bytes = read_registered((*list)[i], i, limits, read_input);
        if (!bytes) return bytes.error();
        // The first of several photos of a product is the main one.
        if (*role == "scene") {
            inputs.scene = std::move(*bytes);
        } else if (!has_product) {
            inputs.product = std::move(*bytes);
            has_product = true;
        }
    }
    if (!has_product) return invalid("the order names no product photo");
    return inputs;
}

core::Result<Composition> run_compose(const Json& order, const ReadInput& read_input) {
    const Limits limits = limits_of(order);
    const auto inputs = read_inputs(order, limits, read_input);
    if (!inputs) return inputs.error();
    const Json* settings = core::find_member(order, "settings", Json::value_t::object);
    const std::string* prompt = core::find_string(order, "prompt");
    return compose(
        inputs->product, inputs->scene,
        read_settings(settings != nullptr ? *settings : Json::object(), prompt != nullptr ? *prompt : std::string{}),
        limits);
}

}  // namespace

JobResult run_job(std::string_view mode, std::string_view order, const ReadInput& read_input) {
    if (order.size() > max_order_bytes) {
        return {failure_report(invalid("the order is longer than " + std::to_string(max_order_bytes) + " bytes")), {}};
    }
    const auto parsed = core::parse_json(order, {}, core::ErrorClass::invalid_request);
    if (!parsed) return {failure_report(parsed.error()), {}};
    if (mode == "inspect" || mode == "measure") {
        const Limits limits = limits_of(*parsed);
        const auto bytes = read_input(0, limits.max_bytes);
        if (!bytes) return {failure_report(bytes.error()), {}};
        return {mode == "inspect" ? inspect(*bytes, limits) : measure(*bytes, limits), {}};
    }
    if (mode != "compose") return {failure_report(invalid("the mode is none of compose, inspect and measure")), {}};
    auto made = run_compose(*parsed, read_input);
    if (!made) return {failure_report(made.error()), {}};
    Json report = success_report({"image/jpeg", made->width, made->height, made->jpeg.size(), sha256_hex(made->jpeg),
                                  std::move(made->metadata)});
    return {std::move(report), std::move(made->jpeg)};
}

}  // namespace atelier::media
