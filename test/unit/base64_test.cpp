#include "provider/base64.hpp"

#include <gtest/gtest.h>

namespace atelier::provider {
namespace {

using namespace std::string_view_literals;

std::string encoded(std::string_view bytes) {
    std::string text;
    append_base64(text, bytes);
    return text;
}

std::string sample(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t state = 1;
    for (char& byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

// RFC 4648 section 10.
TEST(Base64, TestVectors) {
    const std::pair<std::string_view, std::string_view> vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\0\xFF\xFE"sv, "AP/+"},
    };
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(encoded(bytes), text);
        EXPECT_EQ(decode_base64(text), bytes);
    }
}

TEST(Base64, IsAppendedToWhatIsThere) {
    std::string body = "{\"data\":\"";
    append_base64(body, "foob");
    EXPECT_EQ(body, "{\"data\":\"Zm9vYg==");
}

TEST(Base64, SizesAroundTheEdgesOfPieces) {
    for (const std::size_t size : {1U, 2U, 3U, 4U, 999U, (3U << 20) - 1, 3U << 20, (3U << 20) + 1, (6U << 20) + 2}) {
        const std::string bytes = sample(size);
        EXPECT_EQ(decode_base64(encoded(bytes)) == bytes, true) << size;
    }
}

TEST(Base64, OnlyTheOneFormIsTaken) {
    for (const std::string_view text : {"Z"sv,
                                        "Zg"sv,
                                        "Zg="sv,
                                        "Zg==="sv,
                                        "Zm9vYg"sv,
                                        "Zm9vYg="sv,
                                        "===="sv,
                                        "A==="sv,
                                        "=Zg="sv,
                                        "Z=g="sv,
                                        "Zg==Zg=="sv,
                                        "Zm=vZm9v"sv,
                                        "Zh=="sv,
                                        "Zm9="sv,
                                        "Zm9v\n"sv,
                                        "\nZm9"sv,
                                        "Zm\n9"sv,
                                        "Zm9vZm9\n"sv,
                                        "Zm9v Zm9"sv,
                                        "    "sv,
                                        "Zm9-"sv,
                                        "-m9v"sv,
                                        "Zm9_"sv,
                                        "Zm\0v"sv,
                                        "Zm9\xFF"sv,
                                        "data:image/png;base64,Zm9v"sv,
                                        "Zm9v Zm9vZm9"sv,
                                        "Zm9vZm9-Zm9v"sv,
                                        "Zm9vZm9\nZm9v"sv,
                                        "    Zm9v"sv,
                                        "    Zm9vZm9v"sv,
                                        "Zm9v    Zm9v"sv,
                                        "Zm9v    "sv}) {
        EXPECT_EQ(decode_base64(text), std::nullopt) << text;
    }
}

TEST(Base64, AWrongByteAnywhereIsSeen) {
    const std::string good = encoded(sample(3 * 64 + 1));
    for (std::size_t at = 0; at + 4 < good.size(); ++at) {
        for (const char wrong : {'=', '-', '\n', ' ', '\0', '\x80', '.'}) {
            std::string text = good;
            text[at] = wrong;
            EXPECT_EQ(decode_base64(text), std::nullopt) << at << " " << static_cast<int>(wrong);
        }
    }
}

}  // namespace
}  // namespace atelier::provider
