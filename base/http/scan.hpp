#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/// Searches for the bytes that end or spoil a piece of a message head, in [from, end). The find_...
/// return the first such byte, or `end`. `begin` <= `from` is where the readable bytes begin: the
/// vector forms may read again what lies before `from`, and never read outside [begin, end).
namespace qck::http {

/// Classes of bytes, as bits of `byte_class`.
enum ByteClass : std::uint8_t {
    token_byte = 1,   ///< tchar of RFC 9110 section 5.6.2
    line_byte = 2,    ///< anything but control bytes; HTAB and obs-text (0x80 and above) are in
    text_byte = 4,    ///< the same without HTAB
    target_byte = 8,  ///< printable ASCII but space and '#'
    host_byte = 16,   ///< unreserved of RFC 3986: registered names and IPv4 addresses
    ip_literal_byte = 32,  ///< hexadecimal digits, ':' and '.'
    digit_byte = 64,
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
        if (byte >= 0x20 && byte != 0x7f) bits |= text_byte;
        if (byte > 0x20 && byte < 0x7f && byte != '#') bits |= target_byte;
        if (alpha || digit || among("-._~")) bits |= host_byte;
        if (digit || (alpha && lower <= 'f') || among(":.")) bits |= ip_literal_byte;
        if (digit) bits |= digit_byte;
        classes[static_cast<std::size_t>(byte)] = bits;
    }
    return classes;
}();

inline bool is_in(char byte, ByteClass bits) {
    return (byte_class[static_cast<unsigned char>(byte)] & bits) != 0;
}

/// 0 to 15, or more when `byte` is no hexadecimal digit.
inline unsigned hex_value(char byte) {
    if (byte >= '0' && byte <= '9') return static_cast<unsigned>(byte - '0');
    const char lower = static_cast<char>(byte | 0x20);
    if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a') + 10;
    return 16;
}

/// The first byte that is not in `bits`. Portable, a byte at a time.
inline const char* find_not_in(ByteClass bits, const char* from, const char* end) {
    while (from != end && is_in(*from, bits)) ++from;
    return from;
}

/// A bit for each byte of [from, end), at most 64, that is not in `bits`. Portable, a byte at a
/// time.
inline std::uint64_t bits_not_in(ByteClass bits, const char* from, const char* end) {
    std::uint64_t found = 0;
    for (unsigned at = 0; from != end; ++from, ++at) {
        if (!is_in(*from, bits)) found |= std::uint64_t{1} << at;
    }
    return found;
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

/// A bit for each of 16 bytes that is not in `text_byte`.
inline std::uint64_t control_bits_of_16(const char* at) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(low, del)));
}

/// A bit for each byte of [from, end), fewer than 64, that is not in `text_byte`.
[[gnu::noinline]] inline std::uint64_t control_bits_of_rest(const char* begin, const char* from,
                                                            const char* end) {
    if (end - begin < 16) return bits_not_in(text_byte, from, end);
    const auto count = static_cast<unsigned>(end - from);
    std::uint64_t bits = 0;
    if (count >= 16) bits |= control_bits_of_16(from);
    if (count >= 32) bits |= control_bits_of_16(from + 16) << 16;
    if (count >= 48) bits |= control_bits_of_16(from + 32) << 32;
    // The rest by a load that ends at `end`, and overlaps what was seen before.
    const unsigned rest = count % 16;
    if (rest != 0) bits |= control_bits_of_16(end - 16) >> (16 - rest) << (count - rest);
    return bits;
}

/// A bit for each byte of [from, end), at most 64, that is not in `text_byte`: the control bytes.
inline std::uint64_t control_bits(const char* begin, const char* from, const char* end) {
    if (end - from != 64) return control_bits_of_rest(begin, from, end);
    return control_bits_of_16(from) | control_bits_of_16(from + 16) << 16 |
           control_bits_of_16(from + 32) << 32 | control_bits_of_16(from + 48) << 48;
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

/// The first byte outside `host_byte`.
inline const char* find_host_end(const char* begin, const char* from, const char* end) {
    from = find_by_16(host_byte, begin, from, end, [](__m128i bytes) {
        // '-', '.', '/' and the digits follow each other: take the range, leave the '/' out.
        const __m128i from_dash = _mm_sub_epi8(bytes, _mm_set1_epi8('-'));
        const __m128i in_range =
            _mm_cmpeq_epi8(_mm_min_epu8(from_dash, _mm_set1_epi8('9' - '-')), from_dash);
        const __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('/'));
        const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        const __m128i from_a = _mm_sub_epi8(lower, _mm_set1_epi8('a'));
        const __m128i letter = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8(25)), from_a);
        const __m128i good = _mm_or_si128(letter, _mm_andnot_si128(slash, in_range));
        return static_cast<std::uint32_t>(_mm_movemask_epi8(good)) ^ 0xffffU;
    });
    return find_not_in(host_byte, from, end);
}

/// The first byte outside `digit_byte`.
inline const char* find_digits_end(const char* begin, const char* from, const char* end) {
    return find_by_16(digit_byte, begin, from, end, [](__m128i bytes) {
        const __m128i from_0 = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
        const __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(from_0, _mm_set1_epi8(9)), from_0);
        return static_cast<std::uint32_t>(_mm_movemask_epi8(digit)) ^ 0xffffU;
    });
}

/// The first byte outside `token_byte`. By 16 as long as there are only letters and '-', which is
/// how nearly all header names are; the rest by table.
inline const char* find_token_end(const char* begin, const char* from, const char* end) {
    from = find_by_16(token_byte, begin, from, end, [](__m128i bytes) {
        const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        const __m128i from_a = _mm_sub_epi8(lower, _mm_set1_epi8('a'));
        const __m128i letter = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8(25)), from_a);
        const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
        return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(letter, dash))) ^ 0xffffU;
    });
    return find_not_in(token_byte, from, end);
}

#else

inline std::uint64_t control_bits(const char*, const char* from, const char* end) {
    return bits_not_in(text_byte, from, end);
}
inline const char* find_target_end(const char*, const char* from, const char* end) {
    return find_not_in(target_byte, from, end);
}
inline const char* find_host_end(const char*, const char* from, const char* end) {
    return find_not_in(host_byte, from, end);
}
inline const char* find_digits_end(const char*, const char* from, const char* end) {
    return find_not_in(digit_byte, from, end);
}
inline const char* find_token_end(const char*, const char* from, const char* end) {
    return find_not_in(token_byte, from, end);
}

#endif

}  // namespace qck::http
