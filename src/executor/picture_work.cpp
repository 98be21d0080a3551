#include "executor/picture_work.hpp"

#include "core/image_kind.hpp"
#include "executor/file_facts.hpp"
#include "executor/outcome.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;
using storage::FileStore;
using storage::StoredObject;

Json limits_for_child(const PictureLimits& limits) {
    return {{"max_bytes", limits.max_bytes}, {"max_pixels", limits.max_pixels}};
}

// What is no picture at a glance never reaches a decoder.
Result<StoredObject> open_picture(const FileStore& store, const std::string& key, const PictureLimits& limits) {
    auto object = store.open_object(key);
    if (!object) return object;
    const auto refuse = [&](const std::string& reason) {
        return Error{ErrorClass::invalid_request, "the object \"" + key + "\" " + reason};
    };
    if (object->size > limits.max_bytes) {
        return refuse("has " + std::to_string(object->size) + " bytes, at most " + std::to_string(limits.max_bytes) +
                      " are allowed");
    }
    const auto head = read_file_head(object->fd.get());
    if (!head) return head.error();
    if (!core::sniff_image_kind(*head)) return refuse("is not a picture (JPEG, PNG, WebP, GIF or AVIF)");
    return object;
}

}  // namespace

Result<MediaTask> prepare_compose(const FileStore& store, const ComposeRequest& request) {
    const PictureLimits limits;
    MediaTask task{MediaMode::compose, {}, {}};
    Json inputs = Json::array();
    for (const InputPicture& input : request.inputs) {
        auto object = open_picture(store, input.key, limits);
        if (!object) return object.error();
        task.inputs.push_back(std::move(*object));
        inputs.push_back({{"role", input.role}, {"sha256", input.sha256}});
    }
    task.order = core::write_json({{"settings", request.settings},
                                   {"prompt", request.prompt},
                                   {"inputs", std::move(inputs)},
                                   {"limits", limits_for_child(limits)}});
    return task;
}

Result<MediaTask> prepare_inspect(const FileStore& store, const InspectRequest& request) {
    auto object = open_picture(store, request.key, request.limits);
    if (!object) return object.error();
    MediaTask task{MediaMode::inspect, core::write_json({{"limits", limits_for_child(request.limits)}}), {}};
    task.inputs.push_back(std::move(*object));
    return task;
}

Result<Json> finish_compose(const FileStore& store, const ComposeRequest& request, MediaEnd end) {
    const auto claim = judge_report(end.end, end.report);
    if (!claim) return claim.error();
    if (!end.output) return Error{ErrorClass::no_output, "the media program left its output open for writing"};
    const auto size = file_size(end.output.get());
    if (!size) return size.error();
    const auto facts = read_file_facts(end.output.get(), *size);
    if (!facts) return facts.error();
    const auto picture = judge_picture(*claim, *facts, {max_output_bytes, PictureLimits{}.max_pixels});
    if (!picture) return picture.error();

    // The output is sealed: these are the bytes whose hash was taken.
    const std::string key = request.key_prefix + "." + std::string(picture->kind.extension);
    if (auto stored = store.put(key, end.output.get(), picture->size); !stored) return stored.error();
    return Json{{"object", {{"store", "file"}, {"key", key}}},
                {"mime", picture->kind.mime},
                {"width", picture->width},
                {"height", picture->height},
                {"size", picture->size},
                {"sha256", picture->sha256},
                {"metadata", picture->metadata}};
}

Result<Json> finish_inspect(const InspectRequest& request, MediaEnd end) {
    const auto claim = judge_report(end.end, end.report);
    if (!claim) return claim.error();
    const StoredObject& object = end.inputs.front();
    const auto facts = read_file_facts(object.fd.get(), object.size);
    if (!facts) return facts.error();
    const auto picture = judge_picture(*claim, *facts, request.limits);
    if (!picture) return picture.error();
    return Json{{"mime", picture->kind.mime},
                {"width", picture->width},
                {"height", picture->height},
                {"size", picture->size},
                {"sha256", picture->sha256}};
}

Json offline_usage() {
    return Json::array({{{"unit", "image"}, {"quantity", 1}, {"cost", 0}, {"currency", "USD"}}});
}

}  // namespace atelier::executor
