#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/stores/clickhouse/client.hpp"
#include "services/stores/clickhouse/server_version.hpp"

namespace qck::clickhouse {

/// Which tables are made.
struct SchemaOptions {
    /// Of remote_servers in the servers' configuration, e.g. `qck_cluster`; empty: one node.
    std::string cluster;
    /// Replicated tables, by ZooKeeper or Keeper and the macros {shard} and {replica}; only with a
    /// cluster.
    bool replicated = false;
    /// Whole months older than this go; 1 at least. 2 years.
    std::uint32_t retention_days = 730;
};

/// Statements that make database `qck_analytics` at one server, in order; each harmless when what
/// it makes is there.
///
///     link_events_local         the rows; what is inserted into
///     link_events               all rows: of this server, or distributed over the cluster
///     link_events_hourly_local  clicks, human clicks and uniques per link and hour, as states
///     link_events_hourly_feed   the materialized view that fills it
///     link_events_hourly_states all of these states
///     link_events_hourly        the same, readable: link_id, hour, short_code, clicks,
///                               human_clicks, visitors
///     link_visitors_daily       the same per day
///     link_top_day              the 100 most clicked links of the last 24 hours
///
/// A visitor is a pair of address and user agent. Uniques are `uniq`: exact up to 65,536 per state
/// and then within 1 % (adaptive sampling of 65,536; one standard deviation is 0.4 %).
///
/// No statement is sent ON CLUSTER, which needs ZooKeeper: they are run at every node.
std::vector<std::string> schema_statements(const ServerVersion& version,
                                           const SchemaOptions& options);

/// The tables and views of it, `qck_analytics.link_events_local`, in the order they are made in.
std::vector<std::string> schema_names();

/// Which of the tables with a retention have another one; a name a line. For servers that have TTL.
std::string retention_question(std::uint32_t days);
/// Makes it that of a table, by the column with its time; runs in the background where rows go.
std::string retention_statement(std::string_view table, std::string_view column,
                                std::uint32_t days);

/// Makes the schema at every node; tables that are there get the retention. Returns how many tables
/// and views were not there. Errc::invalid_argument for a cluster that is no plain name or not
/// known to a node, for several nodes without one, and where the tables are there as something
/// else.
Result<std::size_t> make_schema(Client& client, const SchemaOptions& options);

/// Drops months that are wholly past the retention, at every node; for servers that have no TTL,
/// harmless for others. Returns how many. `now_ms` since 1970.
Result<std::uint64_t> drop_expired(Client& client, std::uint32_t retention_days,
                                   std::int64_t now_ms);

}  // namespace qck::clickhouse
