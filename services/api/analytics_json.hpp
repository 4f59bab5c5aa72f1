#pragma once

#include <string>
#include <vector>

#include "services/analytics/click_analytics.hpp"
#include "services/links/link.hpp"

namespace qck::api {

/// {"code", "id", "clicks", "by_class": {class: n}, "hours": [{"hour", "clicks", "by_class"}]}
/// and, where visitors are counted, "uniques": {"visitors", "days": [{"day", "visitors"}], "error",
/// "of"}, or null when the store that counts them did not answer.
std::string stats_json(const links::Link& link, const analytics::LinkStats& stats);

/// {"rows": [{"type", "hour", "count", "order_amount": {"count", "sum", "min", "max",
/// "average"}}]}; without "hour" when rows are totals, order_amount null where no event had one.
/// Amounts are numbers with every digit they have.
std::string events_json(const std::vector<analytics::EventRow>& rows,
                        analytics::Granularity granularity);

}  // namespace qck::api
