#pragma once
// The servers of photos that stay where they are, as the worker told of them, keys included. Nothing of this is ever
// logged.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "executor/api_access.hpp"

namespace atelier::executor {

struct PhotoLibrary : ApiAccess {
    std::string base_url;
};

class PhotoBook {
  public:
    // Takes the member "photo_libraries" of a `providers` frame in place of what was known; a frame without it tells of
    // none: [{"name","base_url", and what parse_api_access() reads}]. invalid_request, and nothing changed, when it has
    // another form.
    core::Result<void> replace(std::string_view payload);

    // nullptr when there is no such server.
    std::shared_ptr<const PhotoLibrary> find(const std::string& name) const;

  private:
    std::map<std::string, std::shared_ptr<const PhotoLibrary>> libraries_;
};

}  // namespace atelier::executor
