#include "services/stores/redis/protocol/key_slot.hpp"

#include <array>
#include <string>
#include <vector>

namespace qck::redis {
namespace {

constexpr std::array<std::uint16_t, 256> make_table() {
    std::array<std::uint16_t, 256> table{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        unsigned crc = byte << 8;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
        }
        table[byte] = static_cast<std::uint16_t>(crc);
    }
    return table;
}
constexpr auto table = make_table();

}  // namespace

std::uint16_t crc16(std::string_view bytes) {
    std::uint16_t crc = 0;
    for (const char byte : bytes) {
        const auto index = ((crc >> 8) ^ static_cast<unsigned char>(byte)) & 0xff;
        crc = static_cast<std::uint16_t>((crc << 8) ^ table[index]);
    }
    return crc;
}

std::uint16_t slot_of_key(std::string_view key) {
    const auto open = key.find('{');
    if (open != std::string_view::npos) {
        const auto close = key.find('}', open + 1);
        if (close != std::string_view::npos && close > open + 1) {
            key = key.substr(open + 1, close - open - 1);
        }
    }
    return crc16(key) % slot_count;
}

std::uint32_t tag_of_slot(std::uint16_t slot) {
    static const std::vector<std::uint32_t> tags = [] {
        constexpr std::uint32_t none = ~std::uint32_t{0};
        std::vector<std::uint32_t> found(slot_count, none);
        std::size_t missing = slot_count;
        for (std::uint32_t number = 0; missing > 0; ++number) {
            std::uint32_t& tag = found[crc16(std::to_string(number)) % slot_count];
            if (tag != none) continue;
            tag = number;
            --missing;
        }
        return found;
    }();
    return tags[slot % slot_count];
}

}  // namespace qck::redis
