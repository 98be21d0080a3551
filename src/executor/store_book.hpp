#pragma once
// The stores as the worker told of them, credentials included. Nothing of this is ever logged. The store `file` is not
// among them.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "storage/s3_signature.hpp"

namespace atelier::executor {

struct StoreConfig {
    std::string endpoint;
    std::string region;
    bool path_style = true;
    bool sign_payload = true;
    bool if_none_match = true;
    std::uint64_t multipart_threshold = 0;  // bytes; what is longer is put in parts
    std::uint64_t part_size = 0;            // bytes
    std::string cache_control;              // empty: none
    core::Milliseconds connect_timeout{0};
    core::Milliseconds progress_timeout{0};
    storage::s3::Credentials credentials;  // one of the three is set
    std::string credentials_file;          // absolute
    std::string credentials_error;         // why there are none
    std::string revision;                  // differs when anything of this does
};

class StoreBook {
  public:
    // Takes the member "stores" of a `providers` frame in place of what was known; a frame without it tells of none:
    // [{"name","endpoint","region","bucket","path_style","sign_payload","if_none_match","multipart_threshold",
    // "part_size","cache_control","connect_timeout_ms","progress_timeout_ms", and "access_key_id" +
    // "secret_access_key" [+ "session_token"] | "credentials_file" | "credentials_error"}]. The bucket of new objects
    // is the worker's to know: each order names its own. invalid_request, and nothing changed, when it has another
    // form.
    core::Result<void> replace(std::string_view payload);

    // nullptr when there is no such store. The same as before when nothing of it changed.
    std::shared_ptr<const StoreConfig> find(const std::string& name) const;

  private:
    std::map<std::string, std::shared_ptr<const StoreConfig>> stores_;
};

// The credentials to be used now; a file is read anew each time. Class auth otherwise.
core::Result<storage::s3::Credentials> read_credentials(const StoreConfig& config);

}  // namespace atelier::executor
