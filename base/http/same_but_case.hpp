#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace qck::http {

/// Whether `text` is `lower` but for the case of its letters. `text` has no control bytes; `lower`
/// has 4 to 17 bytes, lower-case letters and 0x20 to 0x3f (digits, '-', ':', '/').
///
/// Compares words that overlap, with the bit set in `text` that tells the cases of ASCII letters
/// apart. That is exact: what else it makes equal to a byte of `lower` are control bytes.
[[gnu::always_inline]] inline bool same_but_case(std::string_view text, std::string_view lower) {
    constexpr std::uint64_t lower_bits = 0x2020202020202020;
    const auto same_4 = [&](std::size_t at) {
        std::uint32_t a = 0;
        std::uint32_t b = 0;
        std::memcpy(&a, text.data() + at, sizeof a);
        std::memcpy(&b, lower.data() + at, sizeof b);
        return (a | static_cast<std::uint32_t>(lower_bits)) == b;
    };
    const auto same_8 = [&](std::size_t at) {
        std::uint64_t a = 0;
        std::uint64_t b = 0;
        std::memcpy(&a, text.data() + at, sizeof a);
        std::memcpy(&b, lower.data() + at, sizeof b);
        return (a | lower_bits) == b;
    };
    if (text.size() != lower.size()) return false;
    if (lower.size() < 8) return same_4(0) && same_4(lower.size() - 4);
    if (lower.size() == 17 && (text[8] | 0x20) != lower[8]) return false;
    return same_8(0) && same_8(lower.size() - 8);
}

}  // namespace qck::http
