#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace qck::analytics {

/// About how many different visitors a link had. A visitor is an address, as --ip-mode keeps it,
/// together with a user agent; of every class of click but those of unknown codes.
struct Visitors {
    struct Day {
        std::uint32_t yyyymmdd = 0;  ///< UTC
        std::uint64_t visitors = 0;
    };
    std::vector<Day> days;       ///< ascending, those with visitors only
    std::uint64_t visitors = 0;  ///< over all of these days: who came on two counts once
    double standard_error = 0;   ///< of each figure, as a share of it
    std::string of;              ///< the store that said so
};

/// Where visitors of every instance are counted: the port of shared stores. Blocking, at most for
/// about a second; thread-safe.
class VisitorCounts {
public:
    virtual ~VisitorCounts() = default;
    /// Of the days given, ascending.
    virtual Result<Visitors> visitors(std::uint64_t link_id,
                                      const std::vector<std::uint32_t>& days) = 0;
};

/// 20261122 of a time.
std::uint32_t day_of(std::int64_t time_ms);
/// The last `count` days up to that of `time_ms`, ascending.
std::vector<std::uint32_t> days_until(std::int64_t time_ms, std::uint32_t count);

}  // namespace qck::analytics
