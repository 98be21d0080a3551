#include "executor/photo_order.hpp"

#include "provider/unsplash.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

Error refuse(const char* message) {
    return {ErrorClass::invalid_request, message};
}

}  // namespace

Result<Request> parse_import(const Json& request) {
    const std::string* library = core::find_string(request, "library");
    if (!library || library->empty()) return refuse("the order names no library of the photo");
    const std::string* photo = core::find_string(request, "photo");
    if (!photo || !provider::unsplash::is_photo_id(*photo)) return refuse("the order names no photo");
    return Request{ImportRequest{*library, *photo}};
}

Result<Request> parse_tell_of_use(const Json& request) {
    const std::string* library = core::find_string(request, "library");
    if (!library || library->empty()) return refuse("the order names no library of the photo");
    const std::string* location = core::find_string(request, "download_location");
    if (!location || location->empty()) return refuse("the order has no download location");
    return Request{TellOfUseRequest{*library, *location}};
}

}  // namespace atelier::executor
