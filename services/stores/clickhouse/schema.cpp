#include "services/stores/clickhouse/schema.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>

#include "services/stores/clickhouse/event_queries.hpp"
#include "services/stores/clickhouse/sql_text.hpp"

namespace qck::clickhouse {
namespace {

constexpr std::string_view drop_tables[] = {"link_events_local", "link_events_hourly_local"};
/// And the column of each that says how old a row is.
constexpr std::pair<std::string_view, std::string_view> tables_with_retention[] = {
    {"link_events_local", "event_time"}, {"link_events_hourly_local", "hour"}};

/// `text` with each `$name$` replaced.
std::string filled(std::string text,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
    for (const auto& [name, value] : values) {
        const std::string mark = "$" + std::string(name) + "$";
        for (auto at = text.find(mark); at != std::string::npos;
             at = text.find(mark, at + value.size())) {
            text.replace(at, mark.size(), value);
        }
    }
    return text;
}

// Servers before 19 have neither DateTime64 nor LowCardinality (but behind a setting): times are
// seconds and milliseconds apart, and what repeats is LowCardinality only where that is there.
constexpr const char* events_local = R"(CREATE TABLE IF NOT EXISTS qck_analytics.link_events_local (
    node UInt64, shard UInt16, epoch UInt32, sequence UInt64,
    link_id UInt64, user_id UInt64, short_code String,
    event_time DateTime('UTC'), event_ms UInt16,
    ip_kind UInt8, ip FixedString(16),
    user_agent $text$, referrer $text$, country $text$, region $text$, city $text$,
    device $text$, browser $text$, os $text$,
    class Enum8('human' = 0, 'bot' = 1, 'head' = 2, 'prefetch' = 3, 'preview' = 4,
        'unknown_code' = 5, 'expired' = 6),
    clicks UInt64,
    click_id String ALIAS concat(lower(hex(node)), '-', toString(shard), '-', toString(epoch), '-',
        toString(sequence)),
    is_bot UInt8 ALIAS class IN ('bot', 'preview'),
    time_ms Int64 ALIAS toInt64(toUnixTimestamp(event_time)) * 1000 + event_ms
) ENGINE = $engine$
PARTITION BY toYYYYMM(event_time)
ORDER BY (link_id, event_time, node, shard, epoch, sequence)$ttl$
SETTINGS index_granularity = 8192)";

constexpr const char* hourly_local =
    R"(CREATE TABLE IF NOT EXISTS qck_analytics.link_events_hourly_local (
    link_id UInt64, hour DateTime('UTC'),
    code_state AggregateFunction(max, String),
    clicks_state AggregateFunction(sum, UInt64),
    human_state AggregateFunction(sum, UInt64),
    visitors_state AggregateFunction(uniq, UInt64)
) ENGINE = $engine$
PARTITION BY toYYYYMM(hour)
ORDER BY (link_id, hour)$ttl$
SETTINGS index_granularity = 8192)";

constexpr const char* hourly_feed =
    R"(CREATE MATERIALIZED VIEW IF NOT EXISTS qck_analytics.link_events_hourly_feed
TO qck_analytics.link_events_hourly_local AS
SELECT link_id, toStartOfHour(event_time) AS hour,
    maxState(short_code) AS code_state,
    sumState(clicks) AS clicks_state,
    sumState(if(class = 'human', clicks, toUInt64(0))) AS human_state,
    uniqState(cityHash64(ip, user_agent)) AS visitors_state
FROM qck_analytics.link_events_local
GROUP BY link_id, hour)";

/// A view that merges the states by $key$.
constexpr const char* merged_view = R"(CREATE VIEW IF NOT EXISTS qck_analytics.$name$ AS
SELECT link_id, $key$
    maxMerge(code_state) AS short_code,
    sumMerge(clicks_state) AS clicks,
    sumMerge(human_state) AS human_clicks,
    uniqMerge(visitors_state) AS visitors
FROM qck_analytics.link_events_hourly_states
$rest$)";

std::string engine(std::string_view family, std::string_view table, const SchemaOptions& options) {
    if (!options.replicated) return std::string(family) + "()";
    return "Replicated" + std::string(family) + "('/clickhouse/tables/{shard}/qck_analytics/" +
           std::string(table) + "', '{replica}')";
}

/// All rows of `local`, by name `all`.
std::string over_all(std::string_view all, std::string_view local, const SchemaOptions& options) {
    const std::string begin = "CREATE TABLE IF NOT EXISTS qck_analytics." + std::string(all) +
                              " AS qck_analytics." + std::string(local) + " ENGINE = ";
    if (options.cluster.empty()) {
        return begin + sql("Merge(qck_analytics, ?)", {"^" + std::string(local) + "$"});
    }
    return begin + sql("Distributed(?, 'qck_analytics', ?, rand())", {options.cluster, local});
}

bool is_plain_name(std::string_view text) {
    return text.size() <= 64 && std::all_of(text.begin(), text.end(), [](unsigned char byte) {
               return byte == '_' || byte == '-' || (byte >= '0' && byte <= '9') ||
                      (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
           });
}

/// 202611 of a time.
std::uint32_t month_of(std::int64_t time_ms) {
    const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(time_ms)};
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
    return static_cast<std::uint32_t>(static_cast<int>(date.year()) * 100) +
           static_cast<unsigned>(date.month());
}

/// Tables that are there have the retention that they were made with.
Result<void> set_retention(Client& client, std::size_t node, std::uint32_t days) {
    const auto there = client.query_at(node, retention_question(days));
    if (!there) return there.error();
    for (const auto& [table, column] : tables_with_retention) {
        if (there->find(std::string(table) + "\n") == std::string::npos) continue;
        const auto done = client.query_at(node, retention_statement(table, column, days));
        if (!done) return done.error();
    }
    return {};
}

/// A name a line.
std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

Result<void> check_cluster(Client& client, std::size_t node, const std::string& cluster) {
    const auto known = client.query_at(
        node, "SELECT DISTINCT cluster FROM system.clusters ORDER BY cluster FORMAT TSVRaw");
    if (!known) return known.error();
    std::string there;
    for (const std::string& name : lines_of(*known)) {
        if (name == cluster) return {};
        there += (there.empty() ? "" : ", ") + name;
    }
    return error(Errc::invalid_argument,
                 "ClickHouse at " + client.node_text(node) + " knows no cluster " + cluster +
                     " (its remote_servers have " + (there.empty() ? "none" : there) + ")");
}

/// How a table was made; empty when it is not there.
Result<std::string> engine_of(Client& client, std::size_t node, std::string_view table) {
    auto engine = client.query_at(node, sql("SELECT engine_full FROM system.tables WHERE database "
                                            "= 'qck_analytics' AND name = ? FORMAT TSVRaw",
                                            {table}));
    if (engine && engine->ends_with('\n')) engine->pop_back();
    return engine;
}

/// Tables that are there stay what they were made as, so they have to be what is asked for.
Result<void> check_tables(Client& client, std::size_t node, const SchemaOptions& options) {
    const auto refused = [&](const std::string& why) {
        return error(Errc::invalid_argument,
                     "ClickHouse at " + client.node_text(node) + " has the tables already, " + why);
    };
    const auto rows = engine_of(client, node, "link_events_local");
    if (!rows) return rows.error();
    if (options.replicated && !rows->empty() && !rows->starts_with("Replicated")) {
        return refused("and they are not replicated");
    }
    const auto all = engine_of(client, node, "link_events");
    if (!all) return all.error();
    if (all->empty()) return {};
    const bool distributed = all->starts_with("Distributed(");
    if (options.cluster.empty()) {
        if (!distributed) return {};
        return refused("over a cluster: give its name (--clickhouse-cluster)");
    }
    // Some versions quote the name.
    const bool same =
        distributed && (all->find('(' + options.cluster + ',') != std::string::npos ||
                        all->find("('" + options.cluster + "',") != std::string::npos);
    if (same) return {};
    return refused("not over the cluster " + options.cluster + " but as " + *all);
}

Result<std::size_t> table_count(Client& client, std::size_t node) {
    const auto names = client.query_at(
        node, "SELECT name FROM system.tables WHERE database = 'qck_analytics' FORMAT TSVRaw");
    if (!names) return names.error();
    return lines_of(*names).size();
}

}  // namespace

std::string retention_question(std::uint32_t days) {
    return "SELECT name FROM system.tables WHERE database = 'qck_analytics' AND name IN "
           "('link_events_local', 'link_events_hourly_local') AND position(engine_full, "
           "'toIntervalDay(" +
           std::to_string(days) + ")') = 0 ORDER BY name";
}

std::string retention_statement(std::string_view table, std::string_view column,
                                std::uint32_t days) {
    return "ALTER TABLE qck_analytics." + std::string(table) + " MODIFY TTL " +
           std::string(column) + " + INTERVAL " + std::to_string(days) + " DAY";
}

std::vector<std::string> schema_statements(const ServerVersion& version,
                                           const SchemaOptions& options) {
    const bool modern = version.is_modern();
    const std::string days = std::to_string(options.retention_days);
    const auto ttl = [&](std::string_view column) {
        return modern ? "\nTTL " + std::string(column) + " + INTERVAL " + days + " DAY"
                      : std::string();
    };
    return {
        "CREATE DATABASE IF NOT EXISTS qck_analytics",
        filled(events_local, {{"text", modern ? "LowCardinality(String)" : "String"},
                              {"engine", engine("MergeTree", "link_events_local", options)},
                              {"ttl", ttl("event_time")}}),
        over_all("link_events", "link_events_local", options),
        filled(hourly_local,
               {{"engine", engine("AggregatingMergeTree", "link_events_hourly_local", options)},
                {"ttl", ttl("hour")}}),
        hourly_feed,
        over_all("link_events_hourly_states", "link_events_hourly_local", options),
        filled(
            merged_view,
            {{"name", "link_events_hourly"}, {"key", "hour,"}, {"rest", "GROUP BY link_id, hour"}}),
        filled(merged_view, {{"name", "link_visitors_daily"},
                             {"key", "toDate(hour) AS day,"},
                             {"rest", "GROUP BY link_id, day"}}),
        filled(merged_view, {{"name", "link_top_day"},
                             {"key", ""},
                             {"rest",
                              "WHERE hour > now() - 86400 AND link_id != 0\n"
                              "GROUP BY link_id\nORDER BY clicks DESC, link_id\nLIMIT 100"}}),
    };
}

std::vector<std::string> schema_names() {
    constexpr std::string_view mark = " IF NOT EXISTS ";
    std::vector<std::string> names;
    for (const std::string& statement : schema_statements(ServerVersion{24, 8}, SchemaOptions{})) {
        const auto begin = statement.find(mark) + mark.size();
        const std::string name =
            statement.substr(begin, statement.find_first_of(" \n", begin) - begin);
        if (name.find('.') != std::string::npos) names.push_back(name);
    }
    return names;
}

Result<std::size_t> make_schema(Client& client, const SchemaOptions& options) {
    if (!is_plain_name(options.cluster)) {
        return error(Errc::invalid_argument,
                     "the name of a ClickHouse cluster is letters, digits, "
                     "_ and - (try qck_cluster)");
    }
    if (client.nodes() > 1 && options.cluster.empty()) {
        return error(Errc::invalid_argument,
                     "the ClickHouse address names " + std::to_string(client.nodes()) +
                         " nodes and no cluster, so each would have tables of its own: give the "
                         "name that it has in their remote_servers (--clickhouse-cluster, try "
                         "qck_cluster)");
    }
    if (options.replicated && options.cluster.empty()) {
        return error(Errc::invalid_argument,
                     "replicated tables need the name of a cluster (--clickhouse-cluster)");
    }
    // All of them are looked at before anything is made at one.
    for (std::size_t node = 0; node < client.nodes(); ++node) {
        if (!options.cluster.empty()) {
            const auto known = check_cluster(client, node, options.cluster);
            if (!known) return known.error();
        }
        if (const auto fit = check_tables(client, node, options); !fit) return fit.error();
    }
    std::size_t made = 0;
    for (std::size_t node = 0; node < client.nodes(); ++node) {
        const auto text = client.query_at(node, "SELECT version()");
        if (!text) return text.error();
        const auto version = parse_server_version(*text);
        if (!version) return version.error();
        const auto before = table_count(client, node);
        if (!before) return before.error();
        for (const std::string& statement : schema_statements(*version, options)) {
            if (const auto done = client.query_at(node, statement); !done) return done.error();
        }
        const auto after = table_count(client, node);
        if (!after) return after.error();
        made += *after - std::min(*before, *after);
        if (!version->is_modern()) continue;  // no TTL: see drop_expired()
        if (auto kept = set_retention(client, node, options.retention_days); !kept) {
            return kept.error();
        }
    }
    return made;
}

Result<std::uint64_t> drop_expired(Client& client, std::uint32_t retention_days,
                                   std::int64_t now_ms) {
    const std::uint32_t first_kept =
        month_of(now_ms - std::int64_t{retention_days} * 24 * 3600 * 1000);
    std::uint64_t dropped = 0;
    for (std::size_t node = 0; node < client.nodes(); ++node) {
        for (const std::string_view table : drop_tables) {
            const auto months = client.query_at(node, months_question(table));
            if (!months) return months.error();
            for (const char* at = months->data(); at < months->data() + months->size();) {
                std::uint32_t month = 0;
                const auto parsed = std::from_chars(at, months->data() + months->size(), month);
                if (parsed.ec != std::errc{}) break;
                at = parsed.ptr + 1;
                if (month >= first_kept) continue;
                const auto done = client.query_at(node, drop_month_statement(table, month));
                if (!done) return done.error();
                ++dropped;
            }
        }
    }
    return dropped;
}

}  // namespace qck::clickhouse
