#pragma once
// The bytes of a spool segment. This file knows bytes only: no descriptor, no clock. Numbers are little endian,
// checksums are the CRC-32 of zlib.
//
//   segment header  8 bytes "atlspool" | u32 format version | u64 mark | u32 checksum of all before
//   record header   u64 mark | u32 type | u64 attempt | u32 length of head | u32 length of body | u32 checksum of these
//   record          record header | head: JSON text | body: any bytes | u32 checksum of all before, the header too
//
// The mark is drawn at random by each executor and stands in front of each of its records. A reader that lost its place
// finds the next record by it, and what a provider answers cannot pass for a record, since the provider does not know
// the mark.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace atelier::executor {

enum class RecordType : std::uint8_t {
    filler = 0,    // skipped by readers: a probe, or a record whose append failed
    receipt = 1,   // head: what is needed to settle the answer without the order; body: the answer as it came
    not_sent = 2,  // head: {"lease":..}; the request never left
};

// Where a record is.
struct SpoolPlace {
    std::string path;          // of its segment
    std::uint64_t offset = 0;  // of its first byte
};

inline constexpr std::uint32_t spool_version = 1;
inline constexpr std::size_t segment_header_bytes = 24;
inline constexpr std::size_t mark_bytes = 8;
inline constexpr std::size_t record_header_bytes = 32;
inline constexpr std::size_t max_record_head_bytes = std::size_t{1} * 1024 * 1024;
inline constexpr std::size_t max_record_body_bytes = std::size_t{64} * 1024 * 1024;

std::string encode_segment_header(std::uint64_t mark);

// The mark. storage_failed with the reason: this is no segment, or one of another version.
core::Result<std::uint64_t> decode_segment_header(std::string_view bytes);

// How records begin.
std::string encode_mark(std::uint64_t mark);

// Points to the bytes of somebody else.
struct RecordView {
    RecordType type = RecordType::filler;
    std::uint64_t attempt = 0;
    std::string_view head;
    std::string_view body;
};

// A record in the pieces in which it is written, so that the body is not copied.
struct EncodedRecord {
    std::string front;  // record header and head
    std::string_view body;
    std::string checksum;

    std::size_t size() const noexcept { return front.size() + body.size() + checksum.size(); }
};

// storage_failed when head or body is longer than the format allows.
core::Result<EncodedRecord> encode_record(std::uint64_t mark, const RecordView& record);

struct DecodedRecord {
    enum class State {
        complete,
        incomplete,  // what is there may be the begin of a record: torn, or still being written
        broken,      // more bytes do not help: a checksum, the mark, the type or a length is wrong
    };
    State state = State::broken;
    // Complete: of the record. Incomplete: that many bytes, from the begin of the record on, let it go on.
    std::size_t size = 0;
    RecordView record;  // when complete; points into the bytes that were given
};

// The record that begins with the first of `bytes`.
DecodedRecord decode_record(std::uint64_t mark, std::string_view bytes);

}  // namespace atelier::executor
