#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "services/analytics/click_analytics.hpp"
#include "services/api/batch.hpp"

namespace qck::api {

/// Each fails with Errc::invalid_argument for an unknown, repeated or wrong parameter, by name.

struct ListQuery {
    std::string after;
    std::size_t limit = 100;
};
Result<ListQuery> read_list_query(std::string_view query, std::size_t limit_max);

/// `on_error=continue|stop`, `results=all|errors`, `expired=refuse|allow`.
Result<BatchOptions> read_batch_query(std::string_view query, std::size_t items_max);

/// `type`, `since`, `until` (RFC 3339; the last day when left out), `granularity=hour|total`.
struct AnalyticsQuery {
    std::string type;
    analytics::EventQuery query;  ///< its type is left empty
};
Result<AnalyticsQuery> read_analytics_query(std::string_view query, std::int64_t now_ms);

}  // namespace qck::api
