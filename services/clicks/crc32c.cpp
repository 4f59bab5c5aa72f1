#include "services/clicks/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace qck::clicks {
namespace {

constexpr std::uint32_t polynomial = 0x82F63B78;  // reflected

/// Slicing-by-8 (Kounavis and Berry, 2005): table[k][b] is byte b followed by k zero bytes.
constexpr auto tables = [] {
    std::array<std::array<std::uint32_t, 256>, 8> made{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
        made[0][byte] = crc;
    }
    for (std::size_t k = 1; k < 8; ++k) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = made[k - 1][byte];
            made[k][byte] = (before >> 8) ^ made[0][before & 0xFF];
        }
    }
    return made;
}();

std::uint32_t table_word(std::uint32_t crc, std::uint64_t word) noexcept {
    word ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= tables[7 - k][(word >> (8 * k)) & 0xFF];
    return crc;
}

/// `Word` and `Byte` are the steps of one engine; the standard's inversion stays outside of both.
template <auto Word, auto Byte>
[[gnu::always_inline]] inline std::uint32_t run(std::uint32_t crc, const void* data,
                                                std::size_t bytes) noexcept {
    const auto* at = static_cast<const unsigned char*>(data);
    for (; bytes >= 8; at += 8, bytes -= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        crc = Word(crc, word);
    }
    for (; bytes > 0; ++at, --bytes) crc = Byte(crc, *at);
    return crc;
}

std::uint32_t table_byte(std::uint32_t crc, unsigned char byte) noexcept {
    return (crc >> 8) ^ tables[0][(crc ^ byte) & 0xFF];
}

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] std::uint32_t hardware_bytes(std::uint32_t crc, const void* data,
                                                       std::size_t bytes) noexcept {
    const auto* at = static_cast<const unsigned char*>(data);
    for (; bytes >= 8; at += 8, bytes -= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        crc = static_cast<std::uint32_t>(_mm_crc32_u64(crc, word));
    }
    for (; bytes > 0; ++at, --bytes) crc = _mm_crc32_u8(crc, *at);
    return crc;
}

[[gnu::target("sse4.2")]] std::uint32_t hardware_words(std::uint32_t crc,
                                                       const std::uint64_t* words,
                                                       std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        crc = static_cast<std::uint32_t>(_mm_crc32_u64(crc, words[i]));
    }
    return crc;
}

const bool has_hardware = __builtin_cpu_supports("sse4.2") != 0;
#endif

}  // namespace

std::uint32_t crc32c_by_table(std::uint32_t crc, const void* data, std::size_t bytes) noexcept {
    return ~run<table_word, table_byte>(~crc, data, bytes);
}

std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t bytes) noexcept {
#if defined(__x86_64__)
    if (has_hardware) [[likely]]
        return ~hardware_bytes(~crc, data, bytes);
#endif
    return crc32c_by_table(crc, data, bytes);
}

std::uint32_t crc32c_words(std::uint32_t crc, const std::uint64_t* words,
                           std::size_t count) noexcept {
#if defined(__x86_64__)
    if (has_hardware) [[likely]]
        return ~hardware_words(~crc, words, count);
#endif
    return crc32c_by_table(crc, words, count * 8);
}

}  // namespace qck::clicks
