#include "executor/photo_book.hpp"

#include <utility>

#include "core/json.hpp"
#include "wire/frame.hpp"

namespace atelier::executor {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

Result<void> PhotoBook::replace(std::string_view payload) {
    auto json = core::parse_json(payload, {wire::max_payload_bytes, 8}, ErrorClass::invalid_request);
    if (!json) return Error{ErrorClass::invalid_request, "photo libraries: the frame is " + json.error().message};
    std::map<std::string, std::shared_ptr<const PhotoLibrary>> libraries;
    const Json* entries = core::find_member(*json, "photo_libraries", Json::value_t::array);
    for (const Json& entry : entries ? *entries : Json::array()) {
        const std::string* name = core::find_string(entry, "name");
        const std::string* base_url = core::find_string(entry, "base_url");
        auto access = parse_api_access(entry);
        if (!name || name->empty() || !base_url || base_url->empty() || !access) {
            return Error{ErrorClass::invalid_request,
                         "photo libraries: the entry \"" + (name ? *name : std::string()) + "\" lacks a member"};
        }
        libraries.insert_or_assign(*name,
                                   std::make_shared<const PhotoLibrary>(PhotoLibrary{std::move(*access), *base_url}));
    }
    libraries_ = std::move(libraries);
    return {};
}

std::shared_ptr<const PhotoLibrary> PhotoBook::find(const std::string& name) const {
    const auto found = libraries_.find(name);
    return found == libraries_.end() ? nullptr : found->second;
}

}  // namespace atelier::executor
