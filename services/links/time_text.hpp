#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::links {

/// Milliseconds since 1970 (UTC) of an RFC 3339 time: `2026-12-31T23:59:59Z`, `…59.250Z`,
/// `…59+02:00`. Years 1970 to 9999; what is finer than a millisecond is cut off; leap seconds are
/// refused.
Result<std::int64_t> parse_time(std::string_view text);

/// RFC 3339 in UTC, with milliseconds only when there are any. `time_ms` is within parse_time's
/// range.
std::string format_time(std::int64_t time_ms);
/// The same, at the end of `text`.
void append_time(std::string& text, std::int64_t time_ms);

}  // namespace qck::links
