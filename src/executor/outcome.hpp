#pragma once
// What became of a media child, judged from how it ended, what it said and what the executor itself measured. The child
// read foreign bytes: nothing it says is believed that can be checked. Pure functions.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/image_kind.hpp"
#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/order.hpp"

namespace atelier::executor {

inline constexpr std::size_t max_report_bytes = std::size_t{64} * 1024;
inline constexpr std::uint64_t max_output_bytes = std::uint64_t{64} * 1024 * 1024;
inline constexpr core::Milliseconds max_processor_time{30'000};
inline constexpr int cannot_execute_status = 127;

struct ChildEnd {
    bool by_signal = false;
    int code = 0;  // exit status, or the signal
    core::Milliseconds processor_time{0};
    bool report_too_long = false;
};

// What the child says of a picture.
struct PictureClaim {
    std::string mime;
    std::uint32_t width = 0;   // pixels, 1 to 65535
    std::uint32_t height = 0;  // pixels, 1 to 65535
    std::uint64_t size = 0;    // bytes
    std::string sha256;
    core::Json metadata;  // an object, at most 32 deep
};

// What the executor read of the same bytes.
struct FileFacts {
    std::uint64_t size = 0;
    std::string sha256;
    std::string head;  // the first core::image_magic_bytes bytes
};

// A picture as it is told to the worker.
struct Picture {
    core::ImageKind kind;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint64_t size = 0;
    std::string sha256;
    core::Json metadata;
};

// The report of a child that ended as it should. Errors: what the child refused (its class and message), `no_output`
// for every other end or report; `timeout` is the engine's to give, when the order's own clock ran out.
core::Result<PictureClaim> judge_report(const ChildEnd& end, std::string_view report);

// Claim and facts put together. invalid_output when they differ, or the bytes are no picture within the limits.
core::Result<Picture> judge_picture(const PictureClaim& claim, const FileFacts& facts, const PictureLimits& limits);

}  // namespace atelier::executor
