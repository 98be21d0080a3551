#include "core/address_policy.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace atelier::core {
namespace {

using Bytes = std::span<const std::uint8_t>;

struct Range {
    std::array<std::uint8_t, 16> first;
    unsigned bits;
};

bool is_within(Bytes address, const Range& range) noexcept {
    for (unsigned bit = 0; bit < range.bits; bit += 8) {
        const unsigned kept = std::min(8U, range.bits - bit);
        const auto mask = static_cast<std::uint8_t>(0xff << (8 - kept));
        if ((address[bit / 8] & mask) != (range.first[bit / 8] & mask)) return false;
    }
    return true;
}

template <std::size_t count>
bool is_within_any(Bytes address, const std::array<Range, count>& ranges) noexcept {
    return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) { return is_within(address, range); });
}

constexpr std::array<Range, 15> closed_v4{{
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 4},
    {{240}, 4},
    {{168, 63, 129, 16}, 32},  // services of Azure, in the middle of public addresses
}};

constexpr Range global_v6{{0x20}, 3};
constexpr std::array<Range, 7> closed_v6{{
    {{0x20, 0x01, 0, 0}, 32},        // Teredo
    {{0x20, 0x01, 0, 2}, 48},        // benchmarks
    {{0x20, 0x01, 0, 0x10}, 28},     // ORCHID
    {{0x20, 0x01, 0, 0x20}, 28},     // ORCHIDv2
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x20, 0x02}, 16},              // 6to4
    {{0x3f, 0xff}, 20},              // documentation
}};
constexpr Range mapped_v4{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96};
constexpr Range nat64{{0, 0x64, 0xff, 0x9b}, 96};  // RFC 6052
constexpr Range loopback_v4{{127}, 8};
constexpr Range loopback_v6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128};

Reach reach_of_v4(Bytes address) noexcept {
    if (is_within(address, loopback_v4)) return Reach::this_machine;
    return is_within_any(address, closed_v4) ? Reach::elsewhere : Reach::everybody;
}

// The loopback of a translator is another machine's.
Reach behind_a_translator(Bytes address) noexcept {
    return reach_of_v4(address) == Reach::everybody ? Reach::everybody : Reach::elsewhere;
}

// RFC 5214: an interface identifier of 0000:5efe or 0200:5efe before the IPv4 address.
bool is_isatap(Bytes address) noexcept {
    return (address[8] & 0xfd) == 0 && address[9] == 0 && address[10] == 0x5e && address[11] == 0xfe;
}

}  // namespace

Reach reach_of(Bytes address) noexcept {
    if (address.size() == 4) return reach_of_v4(address);
    if (address.size() != 16) return Reach::elsewhere;
    if (is_within(address, mapped_v4)) return reach_of_v4(address.subspan(12));
    if (is_within(address, loopback_v6)) return Reach::this_machine;
    if (is_within(address, nat64)) return behind_a_translator(address.subspan(12));
    if (!is_within(address, global_v6) || is_within_any(address, closed_v6)) return Reach::elsewhere;
    if (is_isatap(address)) return behind_a_translator(address.subspan(12));
    return Reach::everybody;
}

}  // namespace atelier::core
