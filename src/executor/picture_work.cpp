#include "executor/picture_work.hpp"

#include <optional>
#include <utility>

#include "executor/file_facts.hpp"
#include "executor/measured_scene.hpp"
#include "executor/outcome.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;
using storage::StoredObject;

Json limits_for_child(const PictureLimits& limits) {
    return {{"max_bytes", limits.max_bytes}, {"max_pixels", limits.max_pixels}};
}

Json facts_of(const Picture& picture) {
    return {{"mime", picture.kind.mime},
            {"width", picture.width},
            {"height", picture.height},
            {"size", picture.size},
            {"sha256", picture.sha256}};
}

std::optional<Error> unlike(const Expectation& expect, const Picture& picture) {
    const auto differs = [](const std::string& what, const std::string& is, const std::string& expected) {
        return Error{ErrorClass::invalid_request, "the " + what + " of the object is " + is + ", not " + expected};
    };
    if (!expect.mime.empty() && expect.mime != picture.kind.mime)
        return differs("type", std::string(picture.kind.mime), quote_name(expect.mime));
    if (expect.size && *expect.size != picture.size)
        return differs("size", std::to_string(picture.size), std::to_string(*expect.size));
    if (!expect.sha256.empty() && expect.sha256 != picture.sha256)
        return differs("sha256", picture.sha256, expect.sha256);
    return std::nullopt;
}

// The first input, as the child reports it.
Result<Picture> judge_input(const MediaEnd& end, const PictureLimits& limits) {
    const auto claim = judge_report(end.end, end.report);
    if (!claim) return claim.error();
    const StoredObject& object = end.inputs.front();
    const auto facts = read_file_facts(object.fd.get(), object.size);
    if (!facts) return facts.error();
    return judge_picture(*claim, *facts, limits);
}

}  // namespace

MediaTask compose_task(const ComposeRequest& request, std::vector<StoredObject> inputs) {
    Json entries = Json::array();
    for (const InputPicture& input : request.inputs) {
        entries.push_back({{"role", input.role}});
        if (input.is_fixed()) entries.back()["sha256"] = input.sha256;
    }
    const Json order{{"settings", request.settings},
                     {"prompt", request.prompt},
                     {"inputs", std::move(entries)},
                     {"limits", limits_for_child(PictureLimits{})}};
    return {MediaMode::compose, core::write_json(order), std::move(inputs)};
}

MediaTask measure_task(std::vector<StoredObject> inputs) {
    return {MediaMode::measure, core::write_json({{"limits", limits_for_child(PictureLimits{})}}), std::move(inputs)};
}

MediaTask inspect_task(const InspectRequest& request, std::vector<StoredObject> inputs) {
    return {MediaMode::inspect, core::write_json({{"limits", limits_for_child(request.limits)}}), std::move(inputs)};
}

Result<MadePicture> judge_composed(const ComposeRequest& request, MediaEnd end) {
    const auto claim = judge_report(end.end, end.report);
    if (!claim) return claim.error();
    if (!end.output) return Error{ErrorClass::no_output, "the media program left its output open for writing"};
    const auto size = file_size(end.output.get());
    if (!size) return size.error();
    const auto facts = read_file_facts(end.output.get(), *size);
    if (!facts) return facts.error();
    const auto picture = judge_picture(*claim, *facts, {max_output_bytes, PictureLimits{}.max_pixels});
    if (!picture) return picture.error();

    const std::string key = request.output.key_prefix + "." + std::string(picture->kind.extension);
    Json result = facts_of(*picture);
    result["object"] = to_json({request.output.store, request.output.bucket, key});
    result["metadata"] = picture->metadata;
    // The output is sealed: these are the bytes whose hash was taken.
    auto bytes = std::make_shared<const ByteSource>(StoredObject{std::move(end.output), picture->size});
    return MadePicture{std::move(result), {key, std::string(picture->kind.mime), picture->sha256, std::move(bytes)}};
}

Result<MadePicture> judge_inspected(const InspectRequest& request, MediaEnd end) {
    const auto picture = judge_input(end, request.limits);
    if (!picture) return picture.error();
    if (auto error = unlike(request.expect, *picture)) return std::move(*error);
    return MadePicture{facts_of(*picture)};
}

Result<MadePicture> judge_measured(const MeasureRequest& request, MediaEnd end) {
    const auto picture = judge_input(end, PictureLimits{});
    if (!picture) return picture.error();
    if (request.input.is_fixed() && picture->sha256 != request.input.sha256)
        return Error{ErrorClass::invalid_request, "the stored object changed since it was registered"};
    auto scene = scene_of_measures(picture->metadata);
    if (!scene) return scene.error();
    return MadePicture{{{"json", std::move(*scene)}, {"model", "measure"}}};
}

Json offline_usage(const char* unit) {
    return Json::array({{{"unit", unit}, {"quantity", 1}, {"cost", 0}, {"currency", "USD"}}});
}

}  // namespace atelier::executor
