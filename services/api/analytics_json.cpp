#include "services/api/analytics_json.hpp"

#include <nlohmann/json.hpp>

#include "services/clicks/click.hpp"
#include "services/links/time_text.hpp"

namespace qck::api {
namespace {

using Json = nlohmann::ordered_json;

Json by_class(const clicks::ClassTotals& totals) {
    Json json = Json::object();
    for (std::size_t i = 0; i < clicks::click_class_count; ++i) {
        json[std::string(clicks::click_class_names[i])] = totals.by_class[i];
    }
    return json;
}

std::string text_of(const Json& json) {
    // Types of events are text from outside.
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string stats_json(const links::Link& link, const analytics::LinkStats& stats) {
    Json json = {{"code", link.code},
                 {"id", std::to_string(link.id)},
                 {"clicks", stats.clicks},
                 {"by_class", by_class(stats.by_class)},
                 {"hours", Json::array()}};
    for (const auto& hour : stats.hours) {
        json["hours"].push_back({{"hour", links::format_time(hour.start_ms)},
                                 {"clicks", hour.clicks},
                                 {"by_class", by_class(hour.by_class)}});
    }
    return text_of(json);
}

std::string events_json(const std::vector<analytics::EventRow>& rows,
                        analytics::Granularity granularity) {
    Json json = {{"rows", Json::array()}};
    for (const auto& row : rows) {
        Json entry = {{"type", row.type}};
        if (granularity == analytics::Granularity::hour) {
            entry["hour"] = links::format_time(row.hour_ms);
        }
        entry["count"] = row.count;
        entry["order_amount"] = nullptr;
        if (row.amounts != 0) {
            entry["order_amount"] = {{"count", row.amounts},
                                     {"sum", row.sum},
                                     {"min", row.min},
                                     {"max", row.max},
                                     {"average", row.average}};
        }
        json["rows"].push_back(std::move(entry));
    }
    return text_of(json);
}

}  // namespace qck::api
