#include "services/stores/clickhouse/event_queries.hpp"

#include <algorithm>

#include "services/clicks/delivery_state.hpp"
#include "services/stores/clickhouse/sql_text.hpp"

namespace qck::clickhouse {
namespace {

constexpr std::size_t few_links_max = clicks::DeliveryState::owed_links_max;

}  // namespace

std::string present_question(const clicks::EventBatch& batch, std::size_t first, std::size_t end) {
    const auto& front = batch.rows[first];
    std::int64_t first_s = front.time_ms / 1000;
    std::int64_t last_s = first_s;
    std::vector<std::uint64_t> links;  // each once, as long as they are few
    for (std::size_t at = first; at < end; ++at) {
        first_s = std::min(first_s, batch.rows[at].time_ms / 1000);
        last_s = std::max(last_s, batch.rows[at].time_ms / 1000);
        const std::uint64_t link = batch.rows[at].link_id;
        if (links.size() <= few_links_max && std::count(links.begin(), links.end(), link) == 0) {
            links.push_back(link);
        }
    }
    std::string question =
        sql("SELECT DISTINCT sequence FROM qck_analytics.link_events WHERE node = ? AND shard = ? "
            "AND epoch = ? AND sequence >= ? AND sequence <= ? AND event_time >= toDateTime(?, "
            "'UTC') AND event_time <= toDateTime(?, 'UTC')",
            {batch.node, front.id.shard, front.id.epoch, front.id.sequence,
             batch.rows[end - 1].id.sequence, std::clamp<std::int64_t>(first_s, 0, UINT32_MAX),
             std::clamp<std::int64_t>(last_s, 0, UINT32_MAX)});
    // Rows of a few links may be far apart, with many others between.
    if (links.size() <= few_links_max) {
        question += " AND link_id IN (";
        for (const std::uint64_t link : links) {
            question += (link == links.front() ? "" : ",") + std::to_string(link);
        }
        question += ")";
    }
    return question + " ORDER BY sequence";
}

std::string visitors_question(std::uint64_t link_id, std::uint32_t first_day,
                              std::uint32_t last_day) {
    return sql(
        "SELECT toYYYYMMDD(hour) AS day, uniqMerge(visitors_state) AS visitors FROM "
        "qck_analytics.link_events_hourly_states WHERE link_id = ? AND toYYYYMMDD(hour) >= ? AND "
        "toYYYYMMDD(hour) <= ? GROUP BY day WITH TOTALS ORDER BY day FORMAT TabSeparated",
        {link_id, first_day, last_day});
}

std::string lagging_question() {
    // log_pointer is the entry that is to be copied next: with an empty log that is entry 0, which
    // is what log_max_index says of an empty log, too.
    return "SELECT if(count() = 0, '-', toString(sum(is_session_expired OR is_readonly OR "
           "inserts_in_queue > 0 OR (log_pointer <= log_max_index AND log_max_index > 0)))) FROM "
           "system.replicas WHERE database = 'qck_analytics' AND table IN ('link_events_local', "
           "'link_events_hourly_local')";
}

std::string replica_path_question(std::string_view table) {
    return sql(
        "SELECT zookeeper_path FROM system.replicas WHERE database = 'qck_analytics' AND table = ?",
        {table});
}

std::string running_question(std::string_view query_id) {
    return sql("SELECT toString(count()) FROM system.processes WHERE query_id = ?", {query_id});
}

std::string months_question(std::string_view table) {
    return sql(
        "SELECT DISTINCT partition FROM system.parts WHERE database = 'qck_analytics' AND "
        "table = ? AND active",
        {table});
}

std::string drop_month_statement(std::string_view table, std::uint32_t month) {
    return "ALTER TABLE qck_analytics." + std::string(table) + " DROP PARTITION " +
           std::to_string(month);
}

}  // namespace qck::clickhouse
