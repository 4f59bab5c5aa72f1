#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click.hpp"
#include "services/http_server/exchange.hpp"
#include "services/links/link.hpp"

namespace qck::api {

/// Clicks of one link in one hour.
struct HourOfClicks {
    std::int64_t hour_ms = 0;  ///< its beginning, since 1970
    clicks::ClassTotals totals;
};

struct LinkStats {
    clicks::ClassTotals totals;
    std::vector<HourOfClicks> hours;  ///< ascending; hours without clicks are left out
};

/// Where `GET /v1/links/{code}/stats` gets its figures. Blocking, quick; called on the API's
/// reactors.
class StatsSource {
public:
    virtual ~StatsSource() = default;
    virtual Result<LinkStats> stats_of(const links::Link& link) = 0;
};

/// Answers `GET /v1/analytics?…`: `query` is what follows the question mark. Blocking, quick;
/// called on the API's reactors.
class AnalyticsSource {
public:
    virtual ~AnalyticsSource() = default;
    virtual http_server::Response answer(std::string_view query) = 0;
};

}  // namespace qck::api
