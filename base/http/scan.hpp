#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/// Searches for the bytes that end or spoil a piece of a message head. Each returns the first such
/// byte of [from, end), or `end`. `begin` <= `from` is where the readable bytes begin: the vector
/// forms may read again what lies before `from`, and never read outside [begin, end).
namespace qck::http {

/// Classes of bytes, as bits of `byte_class`.
enum ByteClass : std::uint8_t {
    token_byte = 1,   ///< tchar of RFC 9110 section 5.6.2
    line_byte = 2,    ///< anything but control bytes; HTAB and obs-text (0x80 and above) are in
    target_byte = 4,  ///< printable ASCII but space and '#'
    host_byte = 8,    ///< unreserved of RFC 3986: registered names and IPv4 addresses
    ip_literal_byte = 16,  ///< hexadecimal digits, ':' and '.'
};

inline constexpr std::array<std::uint8_t, 256> byte_class = [] {
    std::array<std::uint8_t, 256> classes{};
    for (int byte = 0; byte < 256; ++byte) {
        const bool digit = byte >= '0' && byte <= '9';
        const int lower = byte | 0x20;
        const bool alpha = lower >= 'a' && lower <= 'z' && byte < 0x80;
        const auto among = [byte](std::string_view set) {
            return byte != 0 && byte < 0x80 &&
                   set.find(static_cast<char>(byte)) != std::string_view::npos;
        };
        std::uint8_t bits = 0;
        if (alpha || digit || among("!#$%&'*+-.^_`|~")) bits |= token_byte;
        if (byte == '\t' || (byte >= 0x20 && byte != 0x7f)) bits |= line_byte;
        if (byte > 0x20 && byte < 0x7f && byte != '#') bits |= target_byte;
        if (alpha || digit || among("-._~")) bits |= host_byte;
        if (digit || (alpha && lower <= 'f') || among(":.")) bits |= ip_literal_byte;
        classes[static_cast<std::size_t>(byte)] = bits;
    }
    return classes;
}();

inline bool is_in(char byte, ByteClass bits) {
    return (byte_class[static_cast<unsigned char>(byte)] & bits) != 0;
}

/// The first byte that is not in `bits`. Portable, a byte at a time.
inline const char* find_not_in(ByteClass bits, const char* from, const char* end) {
    while (from != end && is_in(*from, bits)) ++from;
    return from;
}

#ifdef __SSE2__

/// Runs `stops` (16 bytes -> a bit for each byte to stop at) from `from` to `end`. The last,
/// partial 16 are looked at by a load that ends at `end` and overlaps bytes seen before, instead of
/// a loop of their own.
template <class Stops>
inline const char* find_by_16(ByteClass bits, const char* begin, const char* from, const char* end,
                              Stops stops) {
    const auto load = [](const char* at) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    };
    for (; end - from >= 16; from += 16) {
        const std::uint32_t found = stops(load(from));
        if (found != 0) return from + std::countr_zero(found);
    }
    if (end - begin < 16) return find_not_in(bits, from, end);
    const std::uint32_t found = stops(load(end - 16)) >> (16 - (end - from));
    return found == 0 ? end : from + std::countr_zero(found);
}

/// The first byte outside `line_byte`: a control byte.
inline const char* find_control(const char* begin, const char* from, const char* end) {
    return find_by_16(line_byte, begin, from, end, [](__m128i bytes) {
        const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
        const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        const __m128i stop = _mm_or_si128(_mm_andnot_si128(tab, low), del);
        return static_cast<std::uint32_t>(_mm_movemask_epi8(stop));
    });
}

/// The first byte outside `target_byte`.
inline const char* find_target_end(const char* begin, const char* from, const char* end) {
    return find_by_16(target_byte, begin, from, end, [](__m128i bytes) {
        // Signed: bytes of 0x80 and above are below the space, too.
        const __m128i graphic = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(' '));
        const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        const __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
        const __m128i good = _mm_andnot_si128(_mm_or_si128(del, hash), graphic);
        return static_cast<std::uint32_t>(_mm_movemask_epi8(good)) ^ 0xffffU;
    });
}

/// The first byte outside `token_byte`. By 16 as long as there are only letters and '-', which is
/// how nearly all header names are; the rest by table.
inline const char* find_token_end(const char* begin, const char* from, const char* end) {
    from = find_by_16(token_byte, begin, from, end, [](__m128i bytes) {
        const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        const __m128i above_a = _mm_sub_epi8(lower, _mm_set1_epi8('a'));
        const __m128i letter = _mm_cmpeq_epi8(_mm_min_epu8(above_a, _mm_set1_epi8(25)), above_a);
        const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
        return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(letter, dash))) ^ 0xffffU;
    });
    return find_not_in(token_byte, from, end);
}

#else

inline const char* find_control(const char*, const char* from, const char* end) {
    return find_not_in(line_byte, from, end);
}
inline const char* find_target_end(const char*, const char* from, const char* end) {
    return find_not_in(target_byte, from, end);
}
inline const char* find_token_end(const char*, const char* from, const char* end) {
    return find_not_in(token_byte, from, end);
}

#endif

}  // namespace qck::http
