#include "wire/frame.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace atelier::wire {
namespace {

std::vector<Frame> read_all(FrameReader& reader) {
    std::vector<Frame> frames;
    for (;;) {
        auto next = reader.next();
        EXPECT_TRUE(next.ok());
        if (!next || !*next) return frames;
        frames.push_back(std::move(**next));
    }
}

TEST(Frame, HeaderIsSixteenBytesLittleEndian) {
    const std::string bytes = encode({FrameType::answer, 0x1122334455667788, "abc"});
    const std::string expected(
        "\x03\0\0\0\x07\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11"
        "abc",
        19);
    EXPECT_EQ(bytes, expected);
}

TEST(Frame, ComesThroughInPiecesOfAnySize) {
    std::string stream;
    std::vector<Frame> sent;
    for (std::uint16_t type = 1; type <= 13; ++type) {
        sent.push_back({static_cast<FrameType>(type), type * 1000000007ULL, std::string(type * 321, 'a')});
        stream += encode(sent.back());
    }
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{7}, std::size_t{16}, std::size_t{1000}, stream.size()}) {
        FrameReader reader;
        std::vector<Frame> received;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            reader.feed(std::string_view(stream).substr(at, piece));
            for (Frame& frame : read_all(reader))
                received.push_back(std::move(frame));
        }
        ASSERT_EQ(received.size(), sent.size()) << "pieces of " << piece;
        for (std::size_t i = 0; i < sent.size(); ++i) {
            EXPECT_EQ(received[i].type, sent[i].type);
            EXPECT_EQ(received[i].attempt, sent[i].attempt);
            EXPECT_EQ(received[i].payload, sent[i].payload);
        }
        EXPECT_EQ(reader.buffered(), 0U);
    }
}

TEST(Frame, PayloadOfFourMebibytesIsTheLongest) {
    FrameReader reader;
    reader.feed(encode({FrameType::order, 1, std::string(max_payload_bytes, 'x')}));
    const auto frames = read_all(reader);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].payload.size(), max_payload_bytes);

    std::string buffer = "kept";
    EXPECT_FALSE(append(buffer, FrameType::order, 1, std::string(max_payload_bytes + 1, 'x')));
    EXPECT_EQ(buffer, "kept");
    EXPECT_EQ(encode({FrameType::order, 1, std::string(max_payload_bytes + 1, 'x')}), "");
}

TEST(Frame, BreachesOfTheProtocolAreFinalErrors) {
    const std::string good = encode({FrameType::ping, 0, ""});
    std::string too_long = good;
    too_long[0] = 1;
    too_long[2] = 0x40;  // 4 MiB + 1
    std::string type_zero = good;
    type_zero[4] = 0;
    std::string type_fifteen = good;
    type_fifteen[4] = 15;
    std::string reserved = good;
    reserved[6] = 1;
    for (const std::string& bad : {too_long, type_zero, type_fifteen, reserved}) {
        FrameReader reader;
        reader.feed(good + bad);
        const auto first = reader.next();
        ASSERT_TRUE(first.ok());
        EXPECT_TRUE(first->has_value());
        const auto second = reader.next();
        ASSERT_FALSE(second.ok());
        EXPECT_EQ(second.error().cls, core::ErrorClass::invalid_request);
        reader.feed(good);
        EXPECT_FALSE(reader.next().ok());
        EXPECT_EQ(reader.buffered(), 0U);
    }
}

TEST(Frame, RandomBytesNeverCrashTheReader) {
    std::mt19937 random(20261121);
    for (int round = 0; round < 2000; ++round) {
        std::string bytes(random() % 200, '\0');
        for (char& byte : bytes)
            byte = static_cast<char>(random() % (round % 2 == 0 ? 256 : 10));
        FrameReader reader;
        reader.feed(bytes);
        for (;;) {
            const auto next = reader.next();
            if (!next || !*next) break;
        }
        EXPECT_LE(reader.buffered(), bytes.size());
    }
}

}  // namespace
}  // namespace atelier::wire
