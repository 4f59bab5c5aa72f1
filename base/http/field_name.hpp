#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

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
    content_length,
    transfer_encoding,
    connection,
    expect,
    location,
    retry_after,
};
inline constexpr std::size_t field_count = 16;

/// Of a set of fields.
constexpr std::uint32_t bit_of(Field field) { return 1U << static_cast<unsigned>(field); }

/// The field of a name, whatever its case. `name` consists of token characters (RFC 9110
/// section 5.6.2).
Field field_of(std::string_view name);

}  // namespace qck::http
