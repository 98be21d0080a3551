#pragma once
// What every kind of store does for the executor, and how it ends.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/pace.hpp"
#include "core/result.hpp"
#include "executor/byte_source.hpp"
#include "storage/file_store.hpp"

namespace atelier::executor {

// Something under way. Whoever asked for it is told its end in any case; soon, and as `cancelled`, when it was
// cancelled in time.
class StoreWork {
  public:
    StoreWork() = default;
    virtual ~StoreWork() = default;
    StoreWork(const StoreWork&) = delete;
    StoreWork& operator=(const StoreWork&) = delete;

    virtual void cancel() = 0;
};

template <class T>
struct StoreEnd {
    core::Result<T> result;
    std::optional<core::Milliseconds> retry_after{};  // when the server wants to be asked again
    bool may_be_left = false;                         // of a put that failed: nobody knows whether the object is there
    // It failed for what the object is: others may well be put, or were read.
    bool is_own = false;
    std::vector<core::AxisLimit> limits{};  // that the server told of
};

template <class T>
using StoreDone = std::function<void(StoreEnd<T> end)>;

struct FetchLimits {
    std::uint64_t max_bytes = 0;
    bool only_pictures = true;  // what is none by its first bytes is refused before the rest of it is read
    // It is asked for in the lane of the store, which pauses when the credentials are refused: whoever resumes it wants
    // them to be tried again. For others what was refused stays so for a while.
    bool own_lane = false;
    // Of whoever gives it up at no time by itself: when a photo that stays elsewhere is waited for no longer.
    std::optional<core::Instant> until{};
};

// Whether an object of this size that begins so is within the limits; invalid_request with the reason.
core::Result<void> check_object(const std::string& key, std::uint64_t size, std::string_view head,
                                const FetchLimits& limits);

// A put that worked.
struct Stored {};

// What is put.
struct NewObject {
    std::string key;
    std::string mime;
    std::string sha256;  // of the bytes
    SharedBytes bytes;
    bool own_lane = false;  // as of FetchLimits
};

}  // namespace atelier::executor
