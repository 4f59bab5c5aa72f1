#include "services/stores/postgres/postgres_totals_view.hpp"

#include <algorithm>
#include <string>

#include "services/stores/postgres/postgres_total_sink.hpp"
#include "services/stores/postgres/schema.hpp"

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

// In the order of deliveries, and before the links: no two wait for each other in a circle.
constexpr const char* lock_totals =
    "SELECT FROM link_click_totals WHERE link_id = ANY($1::bigint[])"
    " ORDER BY link_id, class, producer FOR UPDATE";
/// What this node has under names that it does not know.
constexpr const char* remove_unknown =
    "DELETE FROM link_click_totals held WHERE held.link_id = ANY($1::bigint[])"
    " AND held.producer LIKE $2 AND NOT EXISTS (SELECT FROM unnest($3::bigint[], $4::smallint[],"
    " $5::text[]) AS u(link_id, class, producer) WHERE u.link_id = held.link_id"
    " AND u.class = held.class AND u.producer = held.producer)";
constexpr const char* set_totals =
    "UPDATE link_click_totals held SET total = u.total, added = 0"
    " FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::bigint[])"
    " AS u(link_id, class, producer, total) WHERE held.link_id = u.link_id"
    " AND held.class = u.class AND held.producer = u.producer AND held.total > u.total";
constexpr const char* lock_links =
    "SELECT id FROM links WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE";
constexpr const char* set_counts =
    "UPDATE links SET click_count = sums.clicks FROM (SELECT links.id,"
    " coalesce(sum(total), 0)::bigint AS clicks FROM links"
    " LEFT JOIN link_click_totals ON link_id = links.id"
    " WHERE links.id = ANY($1::bigint[]) GROUP BY links.id) AS sums"
    " WHERE links.id = sums.id AND click_count <> sums.clicks";

constexpr std::size_t links_in_a_batch = 5'000;

}  // namespace

Result<void> PostgresTotalsView::has_tables() {
    const auto checked = primary_.with(check_schema);
    if (checked || checked.error().code != Errc::conflict) return {};
    return error(Errc::unavailable, checked.error().message + ", then qck reconcile --repair");
}

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

Result<bool> PostgresTotalsView::set(std::span<const clicks::LinkTotals> links) {
    for (std::size_t at = 0; at < links.size(); at += links_in_a_batch) {
        const auto part = links.subspan(at, std::min(links_in_a_batch, links.size() - at));
        if (auto done = set_batch(part); !done) return done.error();
    }
    return true;
}

Result<void> PostgresTotalsView::set_batch(std::span<const clicks::LinkTotals> links) {
    ArrayText all, ids, classes, producers, totals;
    for (const auto& link : links) {
        all.add(link.link_id);
        for (const auto& part : link.parts) {
            ids.add(link.link_id);
            classes.add(static_cast<std::int64_t>(part.click_class));
            producers.add(std::string_view(producer_name(node_, part.shard)));
            totals.add(part.total);
        }
    }
    const std::string producer = producer_name(node_, 0);
    const std::string mine = producer.substr(0, producer.rfind('.') + 1) + "%";
    const std::pair<const char*, Parameters> steps[] = {
        {lock_totals, Parameters().add(all)},
        {remove_unknown, Parameters().add(all).add(mine).add(ids).add(classes).add(producers)},
        {set_totals, Parameters().add(ids).add(classes).add(producers).add(totals)},
        {lock_links, Parameters().add(all)},
        {set_counts, Parameters().add(all)}};
    const auto set = primary_.with([&](Connection& connection) -> Result<Rows> {
        const auto usual = connection.timeout();
        connection.set_timeout(page_timeout);
        const auto all_steps = [&]() -> Result<Rows> {
            auto transaction = Transaction::begin(connection);
            if (!transaction) return transaction.error();
            Result<Rows> last = error(Errc::internal, "no statement was run");
            for (const auto& [statement, parameters] : steps) {
                last = transaction->query(statement, parameters);
                if (!last) return last;
            }
            if (auto done = transaction->commit(); !done) return done.error();
            return last;
        };
        auto outcome = all_steps();
        connection.set_timeout(usual);
        return outcome;
    });
    if (!set) return set.error();
    return {};
}

}  // namespace qck::postgres
