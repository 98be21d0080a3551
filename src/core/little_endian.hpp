#pragma once
// Unsigned numbers as bytes, lowest first.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace atelier::core {

template <std::unsigned_integral Number>
void put_little_endian(std::string& buffer, Number number) {
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        buffer.push_back(static_cast<char>(static_cast<unsigned char>(number >> (8 * i))));
    }
}

// `bytes` must reach to the end of the number.
template <std::unsigned_integral Number>
Number get_little_endian(std::string_view bytes, std::size_t at) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        number |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
    }
    return static_cast<Number>(number);
}

}  // namespace atelier::core
