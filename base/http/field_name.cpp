#include "base/http/field_name.hpp"

#include <cstring>

namespace qck::http {
namespace {

template <class Word>
Word load(const char* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

/// Compares `size` bytes as two words that overlap, with the bit set that makes ASCII letters lower
/// case. That is exact here: among token characters only the two cases of a letter differ in that
/// bit alone from a letter, and none but '-' itself from '-'.
template <class Word>
bool same_words(const char* name, const char* lower, std::size_t size) {
    constexpr auto lower_bits = static_cast<Word>(0x2020202020202020ULL);
    const std::size_t last = size - sizeof(Word);
    return (load<Word>(name) | lower_bits) == load<Word>(lower) &&
           (load<Word>(name + last) | lower_bits) == load<Word>(lower + last);
}

/// `name` has as many bytes as `lower`, which is in lower case and 4 to 17 bytes long.
bool is(std::string_view name, std::string_view lower) {
    if (lower.size() < 8) return same_words<std::uint32_t>(name.data(), lower.data(), lower.size());
    if (lower.size() == 17 && (name[8] | 0x20) != lower[8]) return false;
    return same_words<std::uint64_t>(name.data(), lower.data(), lower.size());
}

}  // namespace

Field field_of(std::string_view name) {
    const auto pick = [name](std::string_view lower, Field field) {
        return is(name, lower) ? field : Field::other;
    };
    switch (name.size()) {
        case 4:
            return pick("host", Field::host);
        case 5:
            return pick("x-moz", Field::purpose);
        case 6:
            return is(name, "accept") ? Field::accept : pick("expect", Field::expect);
        case 7:
            return is(name, "referer") ? Field::referer : pick("purpose", Field::purpose);
        case 8:
            return pick("location", Field::location);
        case 10:
            return is(name, "connection") ? Field::connection
                                          : pick("user-agent", Field::user_agent);
        case 11:
            return is(name, "retry-after") ? Field::retry_after
                                           : pick("sec-purpose", Field::purpose);
        case 12:
            return pick("content-type", Field::content_type);
        case 13:
            return pick("authorization", Field::authorization);
        case 14:
            return pick("content-length", Field::content_length);
        case 15:
            return pick("x-forwarded-for", Field::forwarded_for);
        case 16:
            return pick("content-encoding", Field::content_encoding);
        case 17:
            return pick("transfer-encoding", Field::transfer_encoding);
        default:
            return Field::other;
    }
}

}  // namespace qck::http
