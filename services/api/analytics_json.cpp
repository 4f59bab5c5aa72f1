#include "services/api/analytics_json.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

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

Json uniques(const analytics::Visitors& visitors) {
    Json days = Json::array();
    for (const auto& day : visitors.days) {
        char text[16];
        std::snprintf(text, sizeof text, "%04u-%02u-%02u", day.yyyymmdd / 10'000,
                      day.yyyymmdd / 100 % 100, day.yyyymmdd % 100);
        days.push_back({{"day", text}, {"visitors", day.visitors}});
    }
    return {{"visitors", visitors.visitors},
            {"days", std::move(days)},
            {"error", visitors.standard_error},
            {"of", visitors.of}};
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
                 {"of", stats.of_all_instances ? "every instance" : "this instance"},
                 {"hours", Json::array()}};
    for (const auto& hour : stats.hours) {
        json["hours"].push_back({{"hour", links::format_time(hour.start_ms)},
                                 {"clicks", hour.clicks},
                                 {"by_class", by_class(hour.by_class)}});
    }
    if (stats.counts_visitors) json["uniques"] = stats.visitors ? uniques(*stats.visitors) : Json();
    return text_of(json);
}

// Written by hand: amounts are exact decimals, which a double would round.
std::string events_json(const std::vector<analytics::EventRow>& rows,
                        analytics::Granularity granularity) {
    std::string text = R"({"rows":[)";
    for (const auto& row : rows) {
        if (&row != &rows.front()) text += ',';
        text += R"({"type":)" + Json(row.type).dump(-1, ' ', false, Json::error_handler_t::replace);
        if (granularity == analytics::Granularity::hour) {
            text += R"(,"hour":")" + links::format_time(row.hour_ms) + '"';
        }
        text += R"(,"count":)" + std::to_string(row.count) + R"(,"order_amount":)";
        if (row.amounts == 0) {
            text += "null}";
            continue;
        }
        text += R"({"count":)" + std::to_string(row.amounts);
        for (const auto& [name, amount] :
             {std::pair{"sum", row.sum}, std::pair{"min", row.min}, std::pair{"max", row.max},
              std::pair{"average", row.average}}) {
            text.append(",\"").append(name).append("\":").append(clicks::format_amount(amount));
        }
        text += "}}";
    }
    return text + "]}\n";
}

}  // namespace qck::api
