#include "executor/media_work.hpp"

#include <new>
#include <utility>

#include "executor/fetch_all.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::StoredObject;

Error ended_early() {
    return {ErrorClass::cancelled, "ended before it was done"};
}

// The lane of the order is not that of the store: what only the store's lane can make of a failure is left to it.
WorkEnd end_by_store(Error error, std::optional<core::Milliseconds> retry_after) {
    const bool give_back = error.cls == ErrorClass::auth;
    if (error.cls == ErrorClass::rate_limited || error.cls == ErrorClass::overloaded)
        error.cls = ErrorClass::storage_failed;
    return {std::move(error), {}, retry_after, give_back};
}

}  // namespace

void MediaWork::fetch(std::vector<ObjectRef> objects, const FetchLimits& limits) {
    step_ = fetch_all(tools_.loop, tools_.stores, std::move(objects), limits,
                      [self = shared_as<MediaWork>()](StoreEnd<FetchedObjects> end) {
                          if (self->stopped()) return self->fail(ended_early());
                          // Who has seen the bytes can say that they are no picture, as a media child can.
                          self->begun_ |= end.is_own;
                          if (self->service_ == Service::asked && (end.result || end.is_own))
                              self->service_ = Service::answered;
                          if (!end.result) return self->on_store_failure(end.result.error(), end.retry_after);
                          self->inputs_ = std::move(*end.result);
                          self->wait_for_slot();
                      });
}

void MediaWork::wait_for_slot() {
    waits_ = true;
    slot_ = tools_.slots.take([self = shared_as<MediaWork>()] { self->run(); });
}

void MediaWork::run() {
    waits_ = false;
    auto run = MediaRun::start(tools_.loop, tools_.program, task(std::move(inputs_)),
                               [this](MediaEnd end) { on_media_end(std::move(end)); });
    if (!run) {
        tools_.slots.give();
        return fail(run.error());
    }
    begun_ = true;
    run_ = std::move(*run);
}

void MediaWork::on_media_end(MediaEnd end) {
    // The run is what calls this.
    const std::unique_ptr<MediaRun> ended = std::move(run_);
    tools_.slots.give();
    if (stopped()) return fail(ended_early());
    const auto made = std::make_shared<Result<MadePicture>>(Error{ErrorClass::overloaded, "memory ran out"});
    const auto shared_end = std::make_shared<MediaEnd>(std::move(end));
    const auto self = shared_as<MediaWork>();
    tools_.pool.run(
        [self, made, shared_end] {
            try {
                *made = self->judge(std::move(*shared_end));
            } catch (const std::bad_alloc&) {
                // It says so already.
            }
        },
        [self, made] {
            if (self->stopped()) return self->fail(ended_early());
            if (!*made) return self->fail(made->error());
            self->on_judged(std::move(**made));
        });
}

void MediaWork::halt() {
    if (waits_) {
        tools_.slots.leave(*slot_);
        waits_ = false;
        fail(ended_early());
    }
    if (run_) run_->kill();
}

std::optional<std::string> ComposeWork::obstacle() {
    for (const InputPicture& input : request_.inputs)
        if (auto reason = tools_.stores.unreadable(input.object.store, input.object.bucket)) return reason;
    return tools_.stores.closed(request_.output.store, request_.output.bucket);
}

void ComposeWork::begin() {
    std::vector<ObjectRef> objects;
    for (const InputPicture& input : request_.inputs)
        objects.push_back(input.object);
    fetch(std::move(objects), {PictureLimits{}.max_bytes});
}

MediaTask ComposeWork::task(std::vector<StoredObject> inputs) const {
    return compose_task(request_, std::move(inputs));
}

Result<MadePicture> ComposeWork::judge(MediaEnd end) const {
    return judge_composed(request_, std::move(end));
}

void ComposeWork::on_judged(MadePicture made) {
    left_ = made.result.at("object");
    const auto self = shared_as<ComposeWork>();
    step_ = tools_.stores.put(request_.output.store, request_.output.bucket, std::move(made.object), core::now(),
                              [self, result = std::move(made.result)](const StoreEnd<Stored>& end) {
                                  if (end.result) return self->finish({result, offline_usage("image")});
                                  if (!end.may_be_left) self->left_ = nullptr;
                                  self->on_store_failure(end.result.error(), end.retry_after);
                              });
}

void ComposeWork::on_store_failure(Error error, std::optional<core::Milliseconds> retry_after) {
    finish(end_by_store(std::move(error), retry_after));
}

std::optional<std::string> MeasureWork::obstacle() {
    return tools_.stores.unreadable(request_.input.object.store, request_.input.object.bucket);
}

void MeasureWork::begin() {
    fetch({request_.input.object}, {PictureLimits{}.max_bytes});
}

MediaTask MeasureWork::task(std::vector<StoredObject> inputs) const {
    return measure_task(std::move(inputs));
}

Result<MadePicture> MeasureWork::judge(MediaEnd end) const {
    return judge_measured(request_, std::move(end));
}

void MeasureWork::on_judged(MadePicture made) {
    finish({std::move(made.result), offline_usage("request")});
}

void MeasureWork::on_store_failure(Error error, std::optional<core::Milliseconds> retry_after) {
    finish(end_by_store(std::move(error), retry_after));
}

void InspectWork::begin() {
    service_ = Service::asked;
    fetch({request_.object}, {request_.limits.max_bytes, true, true});
}

MediaTask InspectWork::task(std::vector<StoredObject> inputs) const {
    return inspect_task(request_, std::move(inputs));
}

Result<MadePicture> InspectWork::judge(MediaEnd end) const {
    return judge_inspected(request_, std::move(end));
}

void InspectWork::on_judged(MadePicture made) {
    finish({std::move(made.result)});
}

void InspectWork::on_store_failure(Error error, std::optional<core::Milliseconds> retry_after) {
    finish({std::move(error), {}, retry_after});
}

}  // namespace atelier::executor
