#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace qck::replay {

struct LogTime {
    std::int64_t ns = 0;        ///< since 1970
    bool whole_second = false;  ///< nothing finer was said
};

/// `10/Oct/2000:13:55:36 -0700`.
std::optional<LogTime> common_log_time(std::string_view text);
/// `2026-11-22T08:00:00[.123][Z|+01:00]` (RFC 3339, also with a space for the T); UTC when no
/// offset is said.
std::optional<LogTime> iso_time(std::string_view text);
/// Seconds, milliseconds, microseconds or nanoseconds since 1970, whichever the number's size says;
/// small ones are seconds.
std::optional<LogTime> number_time(double number);

}  // namespace qck::replay
