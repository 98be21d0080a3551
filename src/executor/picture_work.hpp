#pragma once
// The work on pictures around a media child: what goes in, and what is made of what came out. It touches the store;
// the child itself is run by the engine.

#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/media_run.hpp"
#include "executor/order.hpp"
#include "storage/file_store.hpp"

namespace atelier::executor {

// Opens the inputs and writes the child's order. Errors: those of the store; invalid_request when an input is longer
// than the limits or no picture by its first bytes.
core::Result<MediaTask> prepare_compose(const storage::FileStore& store, const ComposeRequest& request);
core::Result<MediaTask> prepare_inspect(const storage::FileStore& store, const InspectRequest& request);

// What the worker is told: the result of ai.image and storage.head.
core::Result<core::Json> finish_compose(const storage::FileStore& store, const ComposeRequest& request, MediaEnd end);
core::Result<core::Json> finish_inspect(const InspectRequest& request, MediaEnd end);

// usage of one picture made here: it costs nothing.
core::Json offline_usage();

}  // namespace atelier::executor
