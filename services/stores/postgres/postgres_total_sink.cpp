#include "services/stores/postgres/postgres_total_sink.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <unordered_map>
#include <utility>

namespace qck::postgres {
namespace {

// DO UPDATE acts on the newest row, under its lock, whatever the statement's snapshot is; so
// `added` is exact beside another writer of the same row, and the difference can be taken from it.
#define QCK_RAISE_TOTALS                                                            \
    "INSERT INTO link_click_totals AS held(link_id, class, producer, total, added)" \
    " SELECT u.link_id, u.class, u.producer, u.total, u.total"                      \
    " FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::bigint[])"          \
    " AS u(link_id, class, producer, total)"                                        \
    " ORDER BY u.link_id, u.class, u.producer"                                      \
    " ON CONFLICT (link_id, class, producer) DO UPDATE"                             \
    " SET total = excluded.total, added = excluded.total - held.total"              \
    " WHERE excluded.total > held.total RETURNING link_id, total, added"

constexpr const char* raise_totals = QCK_RAISE_TOTALS;

// Locks the links in the order of their ids before it changes them.
#define QCK_ADD_GAINED                                                                            \
    "held AS (SELECT links.id, gained.clicks FROM links JOIN gained ON links.id = gained.link_id" \
    " ORDER BY links.id FOR UPDATE OF links),"                                                    \
    " counted AS (UPDATE links SET click_count = click_count + held.clicks FROM held"             \
    " WHERE links.id = held.id)"

constexpr const char* raise_both =
    "WITH raised AS (" QCK_RAISE_TOTALS
    "), gained AS (SELECT link_id, sum(added)::bigint AS clicks FROM raised GROUP BY link_id),"
    " " QCK_ADD_GAINED " SELECT link_id, total, added FROM raised";

constexpr const char* add_gained =
    "WITH gained AS (SELECT link_id, sum(added)::bigint AS clicks"
    " FROM unnest($1::bigint[], $2::bigint[]) AS u(link_id, added) GROUP BY link_id),"
    " " QCK_ADD_GAINED " SELECT";

Parameters rows_of(std::uint64_t node, std::span<const clicks::LinkTotals> links) {
    ArrayText ids, classes, producers, totals;
    for (const auto& link : links) {
        for (const auto& part : link.parts) {
            ids.add(link.link_id);
            classes.add(static_cast<std::int64_t>(part.click_class));
            producers.add(std::string_view(producer_name(node, part.shard)));
            totals.add(part.total);
        }
    }
    return Parameters().add(ids).add(classes).add(producers).add(totals);
}

Result<Rows> raise_in_two(Connection& connection, const Parameters& rows) {
    auto transaction = Transaction::begin(connection);
    if (!transaction) return transaction.error();
    auto raised = transaction->query(raise_totals, rows);
    if (!raised) return raised;
    ArrayText ids, gained;
    for (std::size_t row = 0; row < raised->size(); ++row) {
        ids.add(raised->integer(row, 0));
        gained.add(raised->integer(row, 2));
    }
    const auto added = transaction->query(add_gained, Parameters().add(ids).add(gained));
    if (!added) return added.error();
    if (auto done = transaction->commit(); !done) return done.error();
    return raised;
}

/// Links that were given before, and of which not one row was there.
void note_lost(std::span<const clicks::LinkTotals> links, const Rows& raised,
               std::vector<std::uint64_t>& lost) {
    std::unordered_map<std::uint64_t, std::size_t> new_rows;
    for (std::size_t row = 0; row < raised.size(); ++row) {
        if (raised.integer(row, 1) == raised.integer(row, 2)) ++new_rows[raised.number(row, 0)];
    }
    for (const auto& link : links) {
        if (!link.delivered_before || link.parts.empty()) continue;
        const auto found = new_rows.find(link.link_id);
        if (found != new_rows.end() && found->second == link.parts.size()) {
            lost.push_back(link.link_id);
        }
    }
}

/// Gives `connection` another timeout, and the usual one back.
class TimeoutScope {
public:
    TimeoutScope(Connection& connection, std::chrono::milliseconds timeout)
        : connection_(connection), usual_(connection.timeout()) {
        connection.set_timeout(timeout);
    }
    TimeoutScope(const TimeoutScope&) = delete;
    TimeoutScope& operator=(const TimeoutScope&) = delete;
    ~TimeoutScope() { connection_.set_timeout(usual_); }

private:
    Connection& connection_;
    std::chrono::milliseconds usual_;
};

}  // namespace

std::string producer_name(std::uint64_t node, std::uint16_t shard) {
    char name[32];
    std::snprintf(name, sizeof name, "%016" PRIx64 ".%u", node, static_cast<unsigned>(shard));
    return name;
}

Result<bool> PostgresTotalSink::takes_two_statements(Connection& connection) {
    if (!options_.two_statements) {
        const auto citus =
            connection.execute("SELECT EXISTS(SELECT 1 FROM pg_extension WHERE extname = 'citus')");
        if (!citus) return citus.error();
        options_.two_statements = citus->text(0, 0) == "t";
    }
    return *options_.two_statements;
}

Result<clicks::Taken> PostgresTotalSink::deliver(std::uint64_t node,
                                                 std::span<const clicks::LinkTotals> links) {
    // By id, so that no two instances wait for each other in a circle, in one batch or the next.
    std::vector<clicks::LinkTotals> sorted(links.begin(), links.end());
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& left, const auto& right) { return left.link_id < right.link_id; });
    std::vector<std::uint64_t> lost;
    for (std::size_t first = 0; first < sorted.size(); first += options_.batch_max) {
        const auto count = std::min(options_.batch_max, sorted.size() - first);
        const std::span<const clicks::LinkTotals> batch(&sorted[first], count);
        const auto rows = rows_of(node, batch);
        const auto raised = primary_.with([&](Connection& connection) -> Result<Rows> {
            const TimeoutScope timeout(connection, options_.batch_timeout);
            const auto two = takes_two_statements(connection);
            if (!two) return two.error();
            return *two ? raise_in_two(connection, rows) : connection.query(raise_both, rows);
        });
        if (!raised) return raised.error();
        note_lost(batch, *raised, lost);
    }
    return clicks::Taken{std::move(lost)};
}

Result<std::uint64_t> PostgresTotalSink::recount(std::span<const std::uint64_t> link_ids) {
    ArrayText ids;
    for (const auto id : link_ids) ids.add(id);
    const auto rows = primary_.with([&](Connection& connection) -> Result<Rows> {
        const TimeoutScope timeout(connection, options_.batch_timeout);
        auto transaction = Transaction::begin(connection);
        if (!transaction) return transaction.error();
        // A delivery that raised totals adds to these links before they are locked, or after they
        // are set: never between.
        auto locked = transaction->query(
            "SELECT id FROM links WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE",
            Parameters().add(ids));
        if (!locked) return locked;
        auto set = transaction->query(
            "UPDATE links SET click_count = sums.clicks FROM (SELECT links.id,"
            " coalesce(sum(total), 0)::bigint AS clicks FROM links"
            " LEFT JOIN link_click_totals ON link_id = links.id"
            " WHERE links.id = ANY($1::bigint[]) GROUP BY links.id) AS sums"
            " WHERE links.id = sums.id AND click_count < sums.clicks",
            Parameters().add(ids));
        if (!set) return set;
        if (auto done = transaction->commit(); !done) return done.error();
        return set;
    });
    if (!rows) return rows.error();
    return rows->affected();
}

}  // namespace qck::postgres
