#include "executor/spool_format.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <random>
#include <vector>

#include "core/little_endian.hpp"
#include "executor/spool_reader.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::executor {
namespace {

using Found = SpoolReader::Found;
using State = DecodedRecord::State;

constexpr std::uint64_t mark = 0x1122334455667788;

struct Record {
    RecordType type;
    std::uint64_t attempt;
    std::string head;
    std::string body;

    bool operator==(const Record&) const = default;
    RecordView view() const { return {type, attempt, head, body}; }
};

std::string encode(const Record& record) {
    const auto encoded = encode_record(mark, record.view());
    EXPECT_TRUE(encoded.ok());
    return encoded->front + std::string(encoded->body) + encoded->checksum;
}

const Record picture{RecordType::receipt, 42, R"({"lease":1})", std::string("\x89PNG\0\n\xff", 7)};
const Record mark_only{RecordType::not_sent, 0xfedcba9876543210, R"({"lease":{"token":7}})", ""};
const Record longer{RecordType::receipt, 43, "{}", std::string(3000, 'b')};

std::string segment_of(const std::vector<Record>& records) {
    std::string bytes = encode_segment_header(mark);
    for (const Record& record : records) {
        bytes += encode(record);
    }
    return bytes;
}

// A file with these bytes, without a name.
class File {
  public:
    File() : fd_(::memfd_create("segment", MFD_CLOEXEC)) {}
    void hold(const std::string& bytes) {
        EXPECT_EQ(::ftruncate(fd_.get(), 0), 0);
        EXPECT_EQ(::pwrite(fd_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    int get() const { return fd_.get(); }

  private:
    storage::UniqueFd fd_;
};

Record copy(const RecordView& record) {
    return {record.type, record.attempt, std::string(record.head), std::string(record.body)};
}

// As the segment of a dead executor is read: over what is torn or broken, to the end.
std::vector<Record> read_all(int fd) {
    std::vector<Record> records;
    SpoolReader reader;
    for (;;) {
        const auto found = reader.next(fd);
        if (!found || *found == Found::end) return records;
        if (*found == Found::record) {
            records.push_back(copy(reader.record()));
        } else if (const auto further = reader.skip(fd); !further || !*further) {
            return records;
        }
    }
}

TEST(SpoolFormat, SegmentHeaderIsTwentyFourBytes) {
    const std::string header = encode_segment_header(mark);
    EXPECT_EQ(header.substr(0, 20), std::string("atlspool\x01\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11", 20));
    EXPECT_EQ(header.size(), segment_header_bytes);
    const auto decoded = decode_segment_header(header);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(*decoded, mark);
}

TEST(SpoolFormat, RecordIsLittleEndianWithZlibChecksums) {
    const std::string bytes = encode({RecordType::receipt, 0x0102030405060708, "{}", "abc"});
    // The checksums are those of Python's zlib.crc32.
    const std::string expected(
        "\x88\x77\x66\x55\x44\x33\x22\x11\x01\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01\x02\0\0\0\x03\0\0\0"
        "\xbb\x12\x2c\xf5"
        "{}abc"
        "\xe1\x25\x3b\x3b",
        41);
    EXPECT_EQ(bytes, expected);
}

TEST(SpoolFormat, OtherFilesAndVersionsAreTold) {
    const auto reason = [](const std::string& bytes) {
        const auto decoded = decode_segment_header(bytes);
        EXPECT_FALSE(decoded.ok());
        return decoded.ok() ? "" : decoded.error().message;
    };
    std::string header = encode_segment_header(mark);
    EXPECT_NE(reason("").find("no spool segment"), std::string::npos);
    EXPECT_NE(reason(header.substr(0, 23)).find("no spool segment"), std::string::npos);
    EXPECT_NE(reason(std::string(100, 'x')).find("no spool segment"), std::string::npos);
    std::string newer = header;
    newer[8] = 2;
    EXPECT_NE(reason(newer).find("version 2"), std::string::npos);
    header[15] = static_cast<char>(header[15] ^ 1);
    EXPECT_NE(reason(header).find("damaged"), std::string::npos);
}

TEST(SpoolFormat, TooLongIsRefused) {
    const std::string head(max_record_head_bytes + 1, 'h');
    const std::string body(max_record_body_bytes + 1, 'b');
    EXPECT_FALSE(encode_record(mark, {RecordType::receipt, 1, head, ""}).ok());
    EXPECT_FALSE(encode_record(mark, {RecordType::receipt, 1, "", body}).ok());
    EXPECT_TRUE(encode_record(
                    mark, {RecordType::receipt, 1, std::string_view(head).substr(1), std::string_view(body).substr(1)})
                    .ok());
}

TEST(SpoolFormat, ImpossibleTypeLengthAndMarkAreBrokenWhateverTheChecksum) {
    const auto with_number = [](std::size_t place, std::uint32_t number) {
        std::string bytes;
        core::put_little_endian(bytes, number);
        bytes = encode(picture).replace(place, bytes.size(), bytes).substr(0, record_header_bytes - 4);
        core::put_little_endian(bytes, static_cast<std::uint32_t>(
                                           ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size())));
        return decode_record(mark, bytes).state;
    };
    constexpr std::size_t type = 8, head_length = 20, body_length = 24;
    EXPECT_EQ(with_number(type, 2), State::incomplete);
    EXPECT_EQ(with_number(type, 3), State::broken);
    EXPECT_EQ(with_number(head_length, max_record_head_bytes), State::incomplete);
    EXPECT_EQ(with_number(head_length, max_record_head_bytes + 1), State::broken);
    EXPECT_EQ(with_number(body_length, max_record_body_bytes), State::incomplete);
    EXPECT_EQ(with_number(body_length, max_record_body_bytes + 1), State::broken);
    EXPECT_EQ(decode_record(mark + 1, encode(picture)).state, State::broken);
}

TEST(SpoolFormat, CutAnywhereARecordIsIncomplete) {
    const std::string bytes = encode(picture);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        const DecodedRecord decoded = decode_record(mark, std::string_view(bytes).substr(0, cut));
        ASSERT_EQ(decoded.state, State::incomplete) << cut;
        EXPECT_EQ(decoded.size, cut < record_header_bytes ? record_header_bytes : bytes.size()) << cut;
    }
    const std::string followed = bytes + "more";
    const DecodedRecord whole = decode_record(mark, followed);
    ASSERT_EQ(whole.state, State::complete);
    EXPECT_EQ(whole.size, bytes.size());
    EXPECT_EQ(copy(whole.record), picture);
}

TEST(SpoolFormat, EveryFlippedBitIsSeen) {
    const std::string bytes = encode(picture);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        std::string flipped = bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
        EXPECT_EQ(decode_record(mark, flipped).state, State::broken) << "bit " << bit;
    }
}

TEST(SpoolReader, GivesRecordsInOrder) {
    File file;
    file.hold(segment_of({picture, mark_only, longer}));
    EXPECT_EQ(read_all(file.get()), (std::vector<Record>{picture, mark_only, longer}));
    file.hold(segment_of({}));
    EXPECT_TRUE(read_all(file.get()).empty());
}

TEST(SpoolReader, TornAtEveryByteOfTheLastRecordItKeepsTheOthersAndGoesOn) {
    File file;
    const std::string before = segment_of({longer, mark_only});
    const std::string bytes = before + encode(picture);
    for (std::size_t cut = before.size(); cut < bytes.size(); ++cut) {
        file.hold(bytes.substr(0, cut));
        EXPECT_EQ(read_all(file.get()), (std::vector<Record>{longer, mark_only})) << cut;

        SpoolReader reader;
        ASSERT_EQ(*reader.next(file.get()), Found::record);
        ASSERT_EQ(*reader.next(file.get()), Found::record);
        ASSERT_EQ(*reader.next(file.get()), cut == before.size() ? Found::end : Found::incomplete) << cut;
        file.hold(bytes);
        ASSERT_EQ(*reader.next(file.get()), Found::record) << cut;
        EXPECT_EQ(copy(reader.record()), picture);
        EXPECT_EQ(*reader.next(file.get()), Found::end);
    }
}

// The reader looked when the file was longer: a failed append was cut off since.
TEST(SpoolReader, AShorterFileIsAtItsEnd) {
    File file;
    file.hold(segment_of({longer, picture}));
    SpoolReader reader;
    ASSERT_EQ(*reader.next(file.get()), Found::record);
    ASSERT_EQ(*reader.next(file.get()), Found::record);
    file.hold(segment_of({longer}));
    EXPECT_EQ(*reader.next(file.get()), Found::end);
}

TEST(SpoolReader, GoesOnBehindABrokenRecord) {
    File file;
    const std::string bytes = segment_of({picture, longer, mark_only});
    const std::size_t begin = segment_of({picture}).size();
    const std::size_t end = segment_of({picture, longer}).size();
    for (std::size_t place = begin; place < end; ++place) {
        std::string damaged = bytes;
        damaged[place] = static_cast<char>(damaged[place] ^ 0x10);
        file.hold(damaged);
        EXPECT_EQ(read_all(file.get()), (std::vector<Record>{picture, mark_only})) << place;
    }
    // Also when bytes are gone, so that all that follows has moved, and over more than is read at once.
    file.hold(bytes.substr(0, begin + 40) + bytes.substr(begin + 47));
    EXPECT_EQ(read_all(file.get()), (std::vector<Record>{picture, mark_only}));
    for (const std::size_t hole : {262'144U - 8, 262'144U - 7, 262'144U - 1, 262'144U, 800'000U}) {
        file.hold(segment_of({picture}) + std::string(hole + 1, '\0') + encode(mark_only));
        EXPECT_EQ(read_all(file.get()), (std::vector<Record>{picture, mark_only})) << hole;
    }
}

// A provider cannot put a receipt of another attempt into its answer: it does not know the mark.
TEST(SpoolReader, ARecordWithinABodyIsNoRecord) {
    const Record wish{RecordType::receipt, 99, "{}", "forged"};
    const auto forged = encode_record(mark + 1, wish.view());
    const Record carrier{RecordType::receipt, 1, "{}", forged->front + std::string(forged->body) + forged->checksum};
    std::string bytes = segment_of({carrier, mark_only});
    bytes[segment_header_bytes + record_header_bytes] ^= 1;
    File file;
    file.hold(bytes);
    EXPECT_EQ(read_all(file.get()), (std::vector<Record>{mark_only}));
}

TEST(SpoolReader, WhatIsNoSegmentIsAnError) {
    File file;
    for (const std::string& bytes : {std::string(), std::string("atlspool"), std::string(1000, 'x')}) {
        file.hold(bytes);
        SpoolReader reader;
        EXPECT_FALSE(reader.next(file.get()).ok());
        EXPECT_FALSE(reader.header_read());
    }
}

class Mutator {
  public:
    std::string operator()(std::string bytes) {
        for (std::size_t times = 1 + below(4); times > 0; --times) {
            const std::size_t place = below(bytes.size());
            const std::size_t size = below(std::min<std::size_t>(bytes.size() - place, 64) + 1);
            switch (below(5)) {
                case 0:
                    bytes[place] = static_cast<char>(bytes[place] ^ (1 << below(8)));
                    break;
                case 1:
                    bytes.resize(place + 1);
                    break;
                case 2:
                    bytes.erase(place, std::min(size, bytes.size() - 1));
                    break;
                case 3:
                    bytes.insert(below(bytes.size()), bytes.substr(place, size));
                    break;
                default:
                    for (std::size_t i = place; i < place + size; ++i)
                        bytes[i] = static_cast<char>(below(256));
            }
        }
        return bytes;
    }

  private:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }

    std::mt19937_64 random_{20260101};
};

TEST(SpoolReader, RandomMutationsGiveWholeRecordsOrNone) {
    const std::vector<Record> written{picture,
                                      mark_only,
                                      {RecordType::receipt, 44, "{}", std::string(200, 'c')},
                                      {RecordType::filler, 0, "", "filler"},
                                      picture};
    const std::string bytes = segment_of(written);
    Mutator mutate;
    File file;
    std::size_t read = 0;
    for (int round = 0; round < 100'000; ++round) {
        file.hold(mutate(bytes));
        for (const Record& record : read_all(file.get())) {
            ASSERT_NE(std::find(written.begin(), written.end(), record), written.end()) << "round " << round;
            ++read;
        }
    }
    EXPECT_GT(read, 100'000U) << "most records are out of reach of a mutation";
}

}  // namespace
}  // namespace atelier::executor
