#include "executor/storage_work.hpp"

#include <new>
#include <utility>

#include "executor/file_facts.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;
using storage::StoredObject;

Json removal_json(const storage::Removal& removal) {
    Json failed = Json::array();
    for (const auto& [key, error] : removal.failed)
        failed.push_back({{"key", key}, {"class", core::to_string(error.cls)}, {"message", error.message}});
    return {{"deleted", removal.deleted}, {"missing", removal.missing}, {"failed", std::move(failed)}};
}

Json listing_json(const storage::Listing& listing) {
    Json objects = Json::array();
    for (const auto& [key, size, modified] : listing.objects)
        objects.push_back({{"key", key}, {"size", size}, {"modified", modified}});
    Json json{{"objects", std::move(objects)}, {"truncated", !listing.next.empty()}};
    if (!listing.next.empty()) json["next"] = listing.next;
    return json;
}

// Takes the object, and gives it back as what is to be put.
Result<SharedBytes> verified(StoredObject object, const MoveRequest& request) {
    const auto facts = read_file_facts(object.fd.get(), object.size);
    if (!facts) return facts.error();
    if (facts->size != request.size || facts->sha256 != request.sha256) {
        return Error{ErrorClass::invalid_request,
                     "the object \"" + request.source.key + "\" is not the one that was registered"};
    }
    return SharedBytes(std::make_shared<const ByteSource>(std::move(object)));
}

}  // namespace

void RemoveWork::begin() {
    begun_ = true;
    service_ = Service::asked;
    step_ = stores_.remove(request_.store, request_.bucket, request_.keys,
                           [self = shared_as<RemoveWork>()](const StoreEnd<storage::Removal>& end) {
                               if (!end.result) return self->finish({end.result.error(), {}, end.retry_after});
                               self->finish({removal_json(*end.result)});
                           });
}

void ListWork::begin() {
    service_ = Service::asked;
    step_ = stores_.list(request_.store, request_.bucket, request_.wish,
                         [self = shared_as<ListWork>()](const StoreEnd<storage::Listing>& end) {
                             if (!end.result) return self->finish({end.result.error(), {}, end.retry_after});
                             self->finish({listing_json(*end.result)});
                         });
}

std::optional<std::string> MoveWork::obstacle() {
    return stores_.closed(request_.target.store, request_.target.bucket);
}

// The lane is that of the store to which it goes; one from which it cannot be fetched holds it up as well.
void MoveWork::begin() {
    service_ = Service::asked;
    step_ = stores_.fetch(request_.source, {request_.size, false, true},
                          [self = shared_as<MoveWork>()](StoreEnd<StoredObject> end) {
                              if (!end.result) return self->finish({end.result.error(), {}, end.retry_after});
                              self->verify(std::move(*end.result));
                          });
}

void MoveWork::verify(StoredObject object) {
    const auto shared_object = std::make_shared<StoredObject>(std::move(object));
    const auto bytes = std::make_shared<Result<SharedBytes>>(Error{ErrorClass::storage_failed, "memory ran out"});
    const auto self = shared_as<MoveWork>();
    pool_.run(
        [self, shared_object, bytes] {
            try {
                *bytes = verified(std::move(*shared_object), self->request_);
            } catch (const std::bad_alloc&) {
                // It says so already.
            }
        },
        [self, bytes] {
            if (self->stopped()) return self->fail({ErrorClass::cancelled, "ended before it was done"});
            if (!*bytes) return self->fail(bytes->error());
            self->put(std::move(**bytes));
        });
}

void MoveWork::put(SharedBytes bytes) {
    begun_ = true;
    left_ = to_json(request_.target);
    const Json result{{"object", left_}, {"size", request_.size}, {"sha256", request_.sha256}};
    NewObject object{request_.target.key, request_.mime, request_.sha256, std::move(bytes), true};
    step_ = stores_.put(request_.target.store, request_.target.bucket, std::move(object), core::now(),
                        [self = shared_as<MoveWork>(), result](const StoreEnd<Stored>& end) {
                            if (end.result) return self->finish({result});
                            if (!end.may_be_left) self->left_ = nullptr;
                            if (end.is_own) self->service_ = Service::answered;
                            self->finish({end.result.error(), {}, end.retry_after});
                        });
}

}  // namespace atelier::executor
