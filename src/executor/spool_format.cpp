#include "executor/spool_format.hpp"

#include <zlib.h>

#include <algorithm>

#include "core/little_endian.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::get_little_endian;
using core::put_little_endian;

constexpr std::string_view segment_magic = "atlspool";
constexpr std::size_t checksum_bytes = 4;

std::uint32_t checksum_of(std::string_view first, std::string_view second = {}) {
    uLong checksum = 0;
    for (const std::string_view bytes : {first, second}) {
        // Without an address, as that of no bytes may be, zlib begins anew.
        if (bytes.empty()) continue;
        checksum = ::crc32_z(checksum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    }
    return static_cast<std::uint32_t>(checksum);
}

// Of the last four bytes, whether they are the checksum of all before.
bool ends_with_its_checksum(std::string_view bytes) {
    const std::size_t end = bytes.size() - checksum_bytes;
    return get_little_endian<std::uint32_t>(bytes, end) == checksum_of(bytes.substr(0, end));
}

bool is_known_type(std::uint32_t type) {
    return type <= static_cast<std::uint32_t>(RecordType::not_sent);
}

Error not_readable(std::string reason) {
    return {ErrorClass::storage_failed, std::move(reason)};
}

}  // namespace

std::string encode_mark(std::uint64_t mark) {
    std::string bytes;
    put_little_endian(bytes, mark);
    return bytes;
}

std::string encode_segment_header(std::uint64_t mark) {
    std::string bytes(segment_magic);
    put_little_endian(bytes, spool_version);
    put_little_endian(bytes, mark);
    put_little_endian(bytes, checksum_of(bytes));
    return bytes;
}

core::Result<std::uint64_t> decode_segment_header(std::string_view bytes) {
    if (!bytes.starts_with(segment_magic) || bytes.size() < segment_header_bytes) {
        return not_readable("it is no spool segment");
    }
    // All that is sure of another version is that its number stands here.
    const auto version = get_little_endian<std::uint32_t>(bytes, segment_magic.size());
    if (version != spool_version) {
        return not_readable("its format is version " + std::to_string(version) + ", this program reads version " +
                            std::to_string(spool_version));
    }
    if (!ends_with_its_checksum(bytes.substr(0, segment_header_bytes))) return not_readable("its header is damaged");
    return get_little_endian<std::uint64_t>(bytes, segment_magic.size() + sizeof spool_version);
}

core::Result<EncodedRecord> encode_record(std::uint64_t mark, const RecordView& record) {
    if (record.head.size() > max_record_head_bytes || record.body.size() > max_record_body_bytes) {
        return Error{ErrorClass::storage_failed, "a record with a head of " + std::to_string(record.head.size()) +
                                                     " and a body of " + std::to_string(record.body.size()) +
                                                     " bytes is too long for the spool"};
    }
    EncodedRecord encoded;
    encoded.front.reserve(record_header_bytes + record.head.size());
    put_little_endian(encoded.front, mark);
    put_little_endian(encoded.front, static_cast<std::uint32_t>(record.type));
    put_little_endian(encoded.front, record.attempt);
    put_little_endian(encoded.front, static_cast<std::uint32_t>(record.head.size()));
    put_little_endian(encoded.front, static_cast<std::uint32_t>(record.body.size()));
    put_little_endian(encoded.front, checksum_of(encoded.front));
    encoded.front.append(record.head);
    encoded.body = record.body;
    put_little_endian(encoded.checksum, checksum_of(encoded.front, encoded.body));
    return encoded;
}

DecodedRecord decode_record(std::uint64_t mark, std::string_view bytes) {
    using State = DecodedRecord::State;
    const std::string_view mark_there = bytes.substr(0, mark_bytes);
    if (!encode_mark(mark).starts_with(mark_there)) return {};
    if (bytes.size() < record_header_bytes) return {State::incomplete, record_header_bytes, {}};

    const std::string_view header = bytes.substr(0, record_header_bytes);
    const auto type = get_little_endian<std::uint32_t>(header, 8);
    const auto attempt = get_little_endian<std::uint64_t>(header, 12);
    const std::size_t head_bytes = get_little_endian<std::uint32_t>(header, 20);
    const std::size_t body_bytes = get_little_endian<std::uint32_t>(header, 24);
    if (!ends_with_its_checksum(header) || !is_known_type(type) || head_bytes > max_record_head_bytes ||
        body_bytes > max_record_body_bytes) {
        return {};
    }
    const std::size_t size = record_header_bytes + head_bytes + body_bytes + checksum_bytes;
    if (bytes.size() < size) return {State::incomplete, size, {}};
    if (!ends_with_its_checksum(bytes.substr(0, size))) return {};
    return {State::complete,
            size,
            {static_cast<RecordType>(type), attempt, bytes.substr(record_header_bytes, head_bytes),
             bytes.substr(record_header_bytes + head_bytes, body_bytes)}};
}

}  // namespace atelier::executor
