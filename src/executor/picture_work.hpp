#pragma once
// What goes into a media child, and what is made of what came out. The child itself is run by media_work.hpp.

#include <vector>

#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/media_run.hpp"
#include "executor/order.hpp"
#include "executor/store_work.hpp"
#include "storage/file_store.hpp"

namespace atelier::executor {

MediaTask compose_task(const ComposeRequest& request, std::vector<storage::StoredObject> inputs);
MediaTask measure_task(std::vector<storage::StoredObject> inputs);
MediaTask inspect_task(const InspectRequest& request, std::vector<storage::StoredObject> inputs);

// A picture that was judged: what the worker is told of it (the result of ai.image, ai.json or storage.head), and, of a
// new one, what is to be put.
struct MadePicture {
    core::Json result;
    NewObject object{};
};

// Read files: not for the loop. Errors: those of outcome.hpp; of an inspected one invalid_request when it is not what
// was expected.
core::Result<MadePicture> judge_composed(const ComposeRequest& request, MediaEnd end);
core::Result<MadePicture> judge_inspected(const InspectRequest& request, MediaEnd end);
// The analysis of a scene, of model "measure": the words that pixels do not tell are "unspecified", the lists empty.
// invalid_request when the input is not the one that was registered.
core::Result<MadePicture> judge_measured(const MeasureRequest& request, MediaEnd end);

// usage of one "image" made, or one "request" answered, here: it costs nothing.
core::Json offline_usage(const char* unit);

}  // namespace atelier::executor
