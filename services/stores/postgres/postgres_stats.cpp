#include "services/stores/postgres/postgres_stats.hpp"

namespace qck::postgres {
namespace {

using clicks::ClassTotals;

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

}  // namespace qck::postgres
