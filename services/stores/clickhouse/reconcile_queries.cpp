#include "services/stores/clickhouse/reconcile_queries.hpp"

#include <algorithm>
#include <map>

#include "services/stores/clickhouse/sql_text.hpp"

namespace qck::clickhouse {
namespace {

using reconcile::EventStretch;
using reconcile::MinuteScope;

template <class Numbers>
std::string listed(const Numbers& numbers) {
    std::string text;
    for (const auto number : numbers) {
        text += (text.empty() ? "" : ",") + std::to_string(number);
    }
    return text;
}

std::string within(const EventStretch& stretch) {
    return sql(
        "(shard = ? AND (epoch > ? OR (epoch = ? AND sequence >= ?)) AND "
        "(epoch < ? OR (epoch = ? AND sequence <= ?)))",
        {stretch.first.shard, stretch.first.epoch, stretch.first.epoch, stretch.first.sequence,
         stretch.last.epoch, stretch.last.epoch, stretch.last.sequence});
}

std::string within_any(const MinuteScope& scope) {
    std::string text;
    for (const EventStretch& stretch : scope.stretches) {
        text += (text.empty() ? "(" : " OR ") + within(stretch);
    }
    return text + ")";
}

/// Newer than all that is compared.
std::string beyond(const MinuteScope& scope) {
    std::map<std::uint16_t, clicks::EventId> last;
    for (const EventStretch& stretch : scope.stretches) {
        auto& of_shard = last[stretch.last.shard];
        of_shard = std::max(of_shard, stretch.last);
    }
    std::string text;
    for (const auto& [shard, id] : last) {
        text += (text.empty() ? "(" : " OR ") +
                sql("(shard = ? AND (epoch > ? OR (epoch = ? AND sequence > ?)))",
                    {shard, id.epoch, id.epoch, id.sequence});
    }
    return text + ")";
}

std::string in_scope(std::uint64_t node, const MinuteScope& scope) {
    std::string text = sql(
        "node = ? AND event_time >= toDateTime(?, 'UTC') AND event_time <= toDateTime(?, 'UTC')",
        {node, std::uint64_t{scope.first_minute} * 60,
         std::min<std::uint64_t>(std::uint64_t{scope.last_minute} * 60 + 59, UINT32_MAX)});
    if (!scope.only_links.empty()) text += " AND link_id IN (" + listed(scope.only_links) + ")";
    if (!scope.except_links.empty()) {
        text += " AND link_id NOT IN (" + listed(scope.except_links) + ")";
    }
    return text + " AND " + within_any(scope);
}

/// Of event_digest.hpp.
std::string digest(std::uint64_t node) {
    return sql(
        "sum(clicks), sum(intHash64(intHash64(? + toUInt64(epoch) * 65536 + shard) + sequence))",
        {reconcile::int_hash_64(node)});
}

constexpr const char* minute_of_row = "toUInt64(intDiv(toUInt32(event_time), 60))";

}  // namespace

std::string minutes_question(std::uint64_t node, const MinuteScope& scope) {
    return std::string("SELECT ") + minute_of_row + " AS minute, " + digest(node) +
           " FROM qck_analytics.link_events WHERE " + in_scope(node, scope) +
           " GROUP BY minute ORDER BY minute";
}

std::string link_minutes_question(std::uint64_t node, const MinuteScope& scope,
                                  std::span<const std::uint32_t> minutes) {
    return std::string("SELECT link_id, ") + minute_of_row + " AS minute, " + digest(node) +
           " FROM qck_analytics.link_events WHERE " + in_scope(node, scope) +
           " AND intDiv(toUInt32(event_time), 60) IN (" + listed(minutes) +
           ") GROUP BY link_id, minute ORDER BY link_id, minute";
}

std::string older_question(std::uint64_t node, const MinuteScope& scope,
                           std::span<const std::uint64_t> links) {
    std::string text = sql("SELECT link_id, toUInt64(toInt8(class)) AS class_number, "
                           "toUInt64(intDiv(toUInt32(event_time), 3600)) AS hour, sum(clicks) "
                           "FROM qck_analytics.link_events WHERE node = ?",
                           {node}) +
                       " AND link_id IN (" + listed(links) + ")";
    if (!scope.stretches.empty()) {
        text += " AND NOT " + within_any(scope) + " AND NOT " + beyond(scope);
    }
    return text + " GROUP BY link_id, class_number, hour";
}

std::string take_away_statement(std::uint64_t node, const MinuteScope& scope,
                                std::span<const reconcile::MinuteDigest> of) {
    std::string text = "ALTER TABLE qck_analytics.link_events_local DELETE WHERE " +
                       in_scope(node, scope) +
                       " AND (link_id, intDiv(toUInt32(event_time), 60)) IN (";
    for (std::size_t at = 0; at < of.size(); ++at) {
        text += (at == 0 ? "(" : ",(") + std::to_string(of[at].link_id) + "," +
                std::to_string(of[at].minute) + ")";
    }
    return text + ")";
}

std::string deleting_question() {
    return "SELECT toString(count()) FROM system.mutations WHERE database = 'qck_analytics' AND "
           "table = 'link_events_local' AND NOT is_done";
}

std::string correct_hours_statement(std::int64_t from_s, std::int64_t to_s) {
    const std::int64_t first = std::clamp<std::int64_t>(from_s, 0, UINT32_MAX) / 3600 * 3600;
    const std::int64_t last = std::clamp<std::int64_t>(to_s, 0, UINT32_MAX);
    const std::string rows =
        sql("FROM qck_analytics.link_events_local WHERE event_time >= toDateTime(?, 'UTC') AND "
            "event_time < toDateTime(?, 'UTC') ",
            {first, std::min<std::int64_t>(last / 3600 * 3600 + 3600, UINT32_MAX)});
    const std::string states =
        sql("FROM qck_analytics.link_events_hourly_local WHERE hour >= toDateTime(?, 'UTC') AND "
            "hour <= toDateTime(?, 'UTC') ",
            {first, last});
    // What the states have is taken off, with a visitor that the rows have, too: a set stays as it
    // is when one of its own is added.
    return "INSERT INTO qck_analytics.link_events_hourly_local SELECT link_id, hour, "
           "maxState(short_code), sumState(weight), sumState(human), uniqState(visitor) FROM ("
           "SELECT link_id, toStartOfHour(event_time) AS hour, toString(short_code) AS short_code, "
           "clicks AS weight, if(class = 'human', clicks, toUInt64(0)) AS human, "
           "cityHash64(ip, user_agent) AS visitor " +
           rows +
           "UNION ALL SELECT link_id, hour, '' AS short_code, toUInt64(0 - had) AS weight, "
           "toUInt64(0 - human_had) AS human, visitor FROM (SELECT link_id, hour, "
           "sumMerge(clicks_state) AS had, sumMerge(human_state) AS human_had " +
           states +
           "GROUP BY link_id, hour) AS kept ANY INNER JOIN (SELECT link_id, "
           "toStartOfHour(event_time) AS hour, any(cityHash64(ip, user_agent)) AS visitor " +
           rows +
           "GROUP BY link_id, hour) AS seen USING (link_id, hour)) GROUP BY link_id, hour "
           "HAVING sum(weight) != 0 OR sum(human) != 0";
}

}  // namespace qck::clickhouse
