#include "services/stores/postgres/postgres_totals_view.hpp"

#include <algorithm>
#include <string>

#include "services/stores/postgres/postgres_total_sink.hpp"

namespace qck::postgres {
namespace {

constexpr std::chrono::milliseconds page_timeout{60'000};
constexpr std::uint64_t page_links = 100'000;

/// Ids are below 2^63. One statement a page, so that counts and totals are of one instant.
constexpr const char* page_statement = R"sql(
SELECT t.link_id,
       greatest(t.mine + coalesce(l.click_count - t.everybody, 0), 0)::bigint
FROM (SELECT link_id,
             sum(total) AS everybody,
             coalesce(sum(total) FILTER (WHERE producer LIKE $2), 0) AS mine
      FROM link_click_totals WHERE link_id > $1::bigint
      GROUP BY link_id ORDER BY link_id LIMIT $3::bigint) t
LEFT JOIN links l ON l.id = t.link_id
ORDER BY t.link_id)sql";

}  // namespace

Result<std::vector<reconcile::LinkCount>> PostgresTotalsView::totals(
    std::span<const std::uint64_t> /*known*/) {
    const std::string producer = producer_name(node_, 0);
    const std::string mine = producer.substr(0, producer.rfind('.') + 1) + "%";
    std::vector<reconcile::LinkCount> counts;
    std::int64_t after = -1;
    while (true) {
        const auto rows = primary_.with([&](Connection& connection) {
            const auto usual = connection.timeout();
            connection.set_timeout(page_timeout);
            auto page =
                connection.query(page_statement, Parameters().add(after).add(mine).add(page_links));
            connection.set_timeout(usual);
            return page;
        });
        if (!rows) return rows.error();
        for (std::size_t row = 0; row < rows->size(); ++row) {
            const std::uint64_t clicks = rows->number(row, 1);
            if (clicks > 0) counts.push_back({rows->number(row, 0), clicks});
        }
        if (rows->size() < page_links) return counts;
        after = static_cast<std::int64_t>(rows->number(rows->size() - 1, 0));
    }
}

}  // namespace qck::postgres
