#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/http/same_but_case.hpp"

namespace qck::http {

/// The header fields that the parsers act on or hand out.
enum class Field : std::uint8_t {
    other,
    host,
    user_agent,
    referer,
    purpose,  ///< Sec-Purpose, Purpose or X-Moz
    authorization,
    content_type,
    content_encoding,
    accept,
    forwarded_for,
    ip_country,  ///< CF-IPCountry
    content_length,
    transfer_encoding,
    connection,
    expect,
    location,
    retry_after,
};
inline constexpr std::size_t field_count = 17;

/// Of a set of fields.
constexpr std::uint32_t bit_of(Field field) { return 1U << static_cast<unsigned>(field); }

/// The field of a name, whatever its case. `name` consists of token characters (RFC 9110
/// section 5.6.2).
[[gnu::always_inline]] inline Field field_of(std::string_view name) {
    const auto pick = [name](std::string_view lower, Field field) {
        return same_but_case(name, lower) ? field : Field::other;
    };
    switch (name.size()) {
        case 4:
            return pick("host", Field::host);
        case 5:
            return pick("x-moz", Field::purpose);
        case 6:
            return same_but_case(name, "accept") ? Field::accept : pick("expect", Field::expect);
        case 7:
            return same_but_case(name, "referer") ? Field::referer
                                                  : pick("purpose", Field::purpose);
        case 8:
            return pick("location", Field::location);
        case 10:
            return same_but_case(name, "connection") ? Field::connection
                                                     : pick("user-agent", Field::user_agent);
        case 11:
            return same_but_case(name, "retry-after") ? Field::retry_after
                                                      : pick("sec-purpose", Field::purpose);
        case 12:
            return same_but_case(name, "content-type") ? Field::content_type
                                                       : pick("cf-ipcountry", Field::ip_country);
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
