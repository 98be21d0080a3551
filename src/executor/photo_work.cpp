#include "executor/photo_work.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;
using storage::StoredObject;

Json facts_of(const PhotoLibraries::Photo& photo) {
    return {{"id", photo.id},
            {"pageUrl", photo.page_url},
            {"photographer", photo.photographer},
            {"profileUrl", photo.profile_url},
            {"downloadLocation", photo.download_location},
            {"description", photo.description}};
}

InspectRequest inspection() {
    return {{}, PictureLimits{}, {}};
}

}  // namespace

void ImportWork::begin() {
    service_ = Service::asked;
    step_ = tools_.stores.photos().look_up(
        request_.photo_library, request_.photo_id,
        [self = shared_as<ImportWork>()](StoreEnd<PhotoLibraries::Photo> end) { self->on_looked_up(std::move(end)); });
}

void ImportWork::on_looked_up(StoreEnd<PhotoLibraries::Photo> end) {
    if (stopped()) return fail({ErrorClass::cancelled, "ended before it was done"});
    begun_ = true;
    limits_ = std::move(end.limits);
    if (!end.result) return on_store_failure(end.result.error(), end.retry_after);
    service_ = Service::answered;
    photo_ = std::move(*end.result);
    fetch({{request_.photo_library, {}, photo_.id, photo_.picture_url}}, {PictureLimits{}.max_bytes});
}

MediaTask ImportWork::task(std::vector<StoredObject> inputs) const {
    return inspect_task(inspection(), std::move(inputs));
}

Result<MadePicture> ImportWork::judge(MediaEnd end) const {
    return judge_inspected(inspection(), std::move(end));
}

void ImportWork::on_judged(MadePicture made) {
    made.result["url"] = photo_.picture_url;
    made.result["photo"] = facts_of(photo_);
    finish({.result = std::move(made.result), .limits = std::move(limits_)});
}

void ImportWork::on_store_failure(Error error, std::optional<core::Milliseconds> retry_after) {
    finish({.result = std::move(error), .retry_after = retry_after, .limits = std::move(limits_)});
}

void TellOfUseWork::begin() {
    begun_ = true;
    service_ = Service::asked;
    step_ = photos_.tell_of_use(
        request_.photo_library, request_.download_location,
        [self = shared_as<TellOfUseWork>()](StoreEnd<PhotoLibraries::Nothing> end) {
            const Result<Json> result = end.result ? Result<Json>(Json::object()) : end.result.error();
            self->finish({.result = result, .retry_after = end.retry_after, .limits = std::move(end.limits)});
        });
}

}  // namespace atelier::executor
