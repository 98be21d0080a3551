#pragma once
// The frames between a worker and its executor, over one AF_UNIX stream socket. This file knows bytes only: no
// descriptor, no clock, no JSON.
//
// A frame is a header of 16 bytes, little endian, and a payload:
//   u32 payload length (<= 4 MiB) | u16 type | u16 reserved, 0 | u64 attempt, 0 where it has no meaning

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace atelier::wire {

enum class FrameType : std::uint16_t {
    hello = 1,      // both ways, first frame of each: JSON
    order = 2,      // worker -> executor: JSON
    cancel = 3,     // worker -> executor: empty
    ping = 4,       // worker -> executor: empty
    pong = 5,       // executor -> worker: empty
    drain = 6,      // worker -> executor: empty
    answer = 7,     // executor -> worker: JSON
    log = 8,        // executor -> worker: JSON {"level":"log|warning|debug1","message":".."}
    providers = 9,  // worker -> executor: JSON {"providers":[..],"stores":[..],..}, all there are, with keys; see below
    settled = 10,   // worker -> executor: JSON [attempt, ..]: what became of them is committed, receipts may go
    adopted = 11,  // executor -> worker: empty; all that other executors left in the spool has been answered or is kept
    alert = 12,    // executor -> worker: JSON {"kind":"..","message":"..","hint":".."} or {"kind":"..","resolved":true}
    kept = 13,  // executor -> worker: empty; the answer of this paid call is on disk and comes when its store takes the
                // picture, whatever the order's deadline. Said of receipts that were adopted too
    pace = 14,  // executor -> worker: what the answer that comes next says of the pace of its service, see
                // pace_frame.hpp; none: it is well, and says no more
};

// `providers` comes after the hello and before the first order, and again before the next order when something changed;
// it replaces what came before. A member of `providers`:
//   {"name":"..","kind":"gemini|openai","base_url":"..","api_version":"..","connect_timeout_ms":n,
//    "progress_timeout_ms":n, and one of "api_key":"..", "api_key_file":"/..", "key_error":".."}
// with an api_version where the kind has one. The file of api_key_file is read for each call, by the executor; a
// key_error says why there is no key. A member of `stores`, S3 buckets:
//   {"name":"..","endpoint":"https://..","region":"..","bucket":"..","path_style":bool,"sign_payload":bool,
//    "if_none_match":bool,"multipart_threshold":bytes,"part_size":bytes,"cache_control":"..","connect_timeout_ms":n,
//    "progress_timeout_ms":n, and one of "access_key_id":".." with "secret_access_key":".." and perhaps
//    "session_token":"..", "credentials_file":"/..", "credentials_error":".."}
// The bucket is the one of new objects; path_style says how every bucket of the store is addressed. The file of
// credentials_file, in the format that core/aws_credentials.hpp reads, is read for each request, by the executor.
// The member `http` is {"hosts":"..","private_hosts":".."}: the settings of these names, as core/host_list.hpp reads
// them.

inline constexpr std::size_t header_bytes = 16;
inline constexpr std::size_t max_payload_bytes = std::size_t{4} * 1024 * 1024;

struct Frame {
    FrameType type = FrameType::ping;
    std::uint64_t attempt = 0;
    std::string payload;
};

// Appends header and payload to `buffer`. False, and the buffer as it was, when the payload is longer than
// max_payload_bytes.
[[nodiscard]] bool append(std::string& buffer, FrameType type, std::uint64_t attempt, std::string_view payload);

// The bytes of one frame; empty when its payload is too long.
std::string encode(const Frame& frame);

// Cuts a stream of bytes into frames. Call next() until it gives nullopt after each feed(): what is buffered is then
// never more than one unfinished frame.
class FrameReader {
  public:
    void feed(std::string_view bytes);

    // The next complete frame, nullopt when more bytes are needed. An error (class invalid_request) when the stream
    // breaks the protocol: length over the limit, unknown type, reserved not 0. It is final: close the connection,
    // every later call gives it again.
    core::Result<std::optional<Frame>> next();

    std::size_t buffered() const noexcept { return buffer_.size() - position_; }

  private:
    std::string buffer_;
    std::size_t position_ = 0;
    std::optional<core::Error> broken_;
};

}  // namespace atelier::wire
