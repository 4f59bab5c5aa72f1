#include "services/stores/postgres/postgres_stats.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "services/stores/postgres/postgres_total_sink.hpp"

namespace qck::postgres {
namespace {

using clicks::ClassTotals;

/// Reads that go through a whole table or a large page of one.
constexpr std::chrono::milliseconds long_read_timeout{30'000};

static_assert(clicks::click_class_count == 7, "a class more is a column more in totals_from()");

ClassTotals totals_of(const Rows& rows, std::size_t row, int first_column) {
    ClassTotals totals;
    for (std::size_t i = 0; i < totals.by_class.size(); ++i) {
        totals.by_class[i] = rows.number(row, first_column + static_cast<int>(i));
    }
    return totals;
}

Result<Rows> long_read(Connection& connection, const char* sql, const Parameters& parameters) {
    const auto usual = connection.timeout();
    connection.set_timeout(long_read_timeout);
    auto rows = connection.query(sql, parameters);
    connection.set_timeout(usual);
    return rows;
}

/// The shard at the end of `<node>.<shard>`.
std::uint16_t shard_of(std::string_view producer) {
    std::uint16_t shard = 0;
    std::from_chars(producer.data() + producer.rfind('.') + 1, producer.data() + producer.size(),
                    shard);
    return shard;
}

std::vector<PostgresStats::LinkCount> counts_of(const Rows& rows) {
    std::vector<PostgresStats::LinkCount> counts;
    counts.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        counts.push_back(
            {rows.number(row, 0), std::string(rows.text(row, 1)), rows.number(row, 2)});
    }
    return counts;
}

}  // namespace

Result<ClassTotals> PostgresStats::link_totals(std::uint64_t link_id) {
    const auto rows = with_replica(replica_, primary_, [&](Connection& connection) {
        return connection.query(
            "SELECT class, sum(total)::bigint FROM link_click_totals"
            " WHERE link_id = $1::bigint GROUP BY class",
            Parameters().add(link_id));
    });
    if (!rows) return rows.error();
    ClassTotals totals;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        const auto click_class = rows->number(row, 0);
        if (click_class < totals.by_class.size()) {
            totals.by_class[click_class] = rows->number(row, 1);
        }
    }
    return totals;
}

Result<std::optional<std::uint64_t>> PostgresStats::click_count(std::uint64_t link_id) {
    const auto rows = with_replica(replica_, primary_, [&](Connection& connection) {
        return connection.query("SELECT click_count FROM links WHERE id = $1::bigint",
                                Parameters().add(link_id));
    });
    if (!rows) return rows.error();
    if (rows->size() == 0) return std::optional<std::uint64_t>{};
    return std::optional(rows->number(0, 0));
}

Result<std::vector<PostgresStats::LinkCounts>> PostgresStats::totals_from(std::uint64_t from_id,
                                                                          std::size_t limit) {
    const auto rows = with_replica(replica_, primary_, [&](Connection& connection) {
        return long_read(connection,
                         "SELECT link_id,"
                         " coalesce(sum(total) FILTER (WHERE class = 0), 0)::bigint,"
                         " coalesce(sum(total) FILTER (WHERE class = 1), 0)::bigint,"
                         " coalesce(sum(total) FILTER (WHERE class = 2), 0)::bigint,"
                         " coalesce(sum(total) FILTER (WHERE class = 3), 0)::bigint,"
                         " coalesce(sum(total) FILTER (WHERE class = 4), 0)::bigint,"
                         " coalesce(sum(total) FILTER (WHERE class = 5), 0)::bigint,"
                         " coalesce(sum(total) FILTER (WHERE class = 6), 0)::bigint"
                         " FROM link_click_totals WHERE link_id >= $1::bigint"
                         " GROUP BY link_id ORDER BY link_id LIMIT $2::bigint",
                         Parameters().add(from_id).add(static_cast<std::uint64_t>(limit)));
    });
    if (!rows) return rows.error();
    std::vector<LinkCounts> counts;
    counts.reserve(rows->size());
    for (std::size_t row = 0; row < rows->size(); ++row) {
        counts.push_back({rows->number(row, 0), totals_of(*rows, row, 1)});
    }
    return counts;
}

Result<std::vector<PostgresStats::LinkCount>> PostgresStats::counts_from(std::uint64_t from_id,
                                                                         std::size_t limit) {
    const auto rows = with_replica(replica_, primary_, [&](Connection& connection) {
        return long_read(connection,
                         "SELECT id, short_code, click_count FROM links WHERE id >= $1::bigint"
                         " ORDER BY id LIMIT $2::bigint",
                         Parameters().add(from_id).add(static_cast<std::uint64_t>(limit)));
    });
    if (!rows) return rows.error();
    return counts_of(*rows);
}

Result<std::vector<clicks::LinkTotals>> PostgresStats::producer_totals_from(std::uint64_t node,
                                                                            std::uint64_t from_id,
                                                                            std::size_t limit) {
    // The names of a node's producers are its name, a dot and digits: '/' is what follows the dot.
    const auto begin = producer_name(node, 0).substr(0, 17);
    const auto end = begin.substr(0, 16) + "/";
    const auto rows = with_replica(replica_, primary_, [&](Connection& connection) {
        return long_read(
            connection,
            "SELECT link_id, class, producer, total FROM link_click_totals"
            " WHERE link_id >= $1::bigint AND producer >= $3 AND producer < $4"
            " AND link_id <= (SELECT coalesce(max(link_id), 0) FROM"
            " (SELECT DISTINCT link_id FROM link_click_totals"
            " WHERE link_id >= $1::bigint AND producer >= $3 AND producer < $4"
            " ORDER BY link_id LIMIT $2::bigint) AS page)"
            " ORDER BY link_id, class, producer",
            Parameters().add(from_id).add(static_cast<std::uint64_t>(limit)).add(begin).add(end));
    });
    if (!rows) return rows.error();
    std::vector<clicks::LinkTotals> links;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        const auto id = rows->number(row, 0);
        if (links.empty() || links.back().link_id != id) links.push_back({id, {}, true});
        links.back().parts.push_back({shard_of(rows->text(row, 2)),
                                      static_cast<clicks::ClickClass>(rows->integer(row, 1)),
                                      rows->number(row, 3)});
    }
    for (auto& link : links) {
        std::sort(link.parts.begin(), link.parts.end(), [](const auto& left, const auto& right) {
            return std::pair(left.shard, left.click_class) <
                   std::pair(right.shard, right.click_class);
        });
    }
    return links;
}

Result<std::vector<PostgresStats::LinkCount>> PostgresStats::top(std::size_t limit) {
    const auto rows = with_replica(replica_, primary_, [&](Connection& connection) {
        return long_read(connection,
                         "SELECT id, short_code, click_count FROM links WHERE click_count > 0"
                         " ORDER BY click_count DESC, id LIMIT $1::bigint",
                         Parameters().add(static_cast<std::uint64_t>(limit)));
    });
    if (!rows) return rows.error();
    return counts_of(*rows);
}

}  // namespace qck::postgres
