#include "services/stores/postgres/postgres_link_outbox.hpp"

#include <utility>

#include "services/stores/postgres/link_rows.hpp"

namespace qck::postgres {
namespace {

constexpr int outbox_code = 9;  ///< the first column after those of the link

links::NotedChange change_of(const Rows& rows, std::size_t row) {
    links::NotedChange change;
    change.code = rows.text(row, outbox_code);
    change.version = rows.number(row, outbox_code + 1);
    if (!rows.is_null(row, 0)) {
        change.link = link_of(rows, row);
    } else {
        // A tombstone that was pruned meanwhile had at least the version that was noted.
        change.absent_version =
            rows.is_null(row, outbox_code + 2) ? change.version : rows.number(row, outbox_code + 2);
    }
    return change;
}

}  // namespace

Result<std::vector<links::NotedChange>> PostgresLinkOutbox::noted(std::chrono::milliseconds age,
                                                                  std::size_t limit) {
    const auto rows = primary_.with([&](Connection& connection) {
        return connection.query(
            "SELECT " QCK_LINK_COLUMNS
            ", o.short_code, o.version, grave.version FROM link_outbox o"
            " LEFT JOIN links ON links.short_code = o.short_code"
            " LEFT JOIN link_tombstones grave ON grave.short_code = o.short_code"
            " WHERE o.noted_at <= clock_timestamp() - $1::bigint * interval '1 millisecond'"
            " ORDER BY o.noted_at LIMIT $2::bigint",
            Parameters()
                .add(static_cast<std::int64_t>(age.count()))
                .add(static_cast<std::uint64_t>(limit)));
    });
    if (!rows) return rows.error();
    std::vector<links::NotedChange> changes;
    changes.reserve(rows->size());
    for (std::size_t row = 0; row < rows->size(); ++row) changes.push_back(change_of(*rows, row));
    return changes;
}

/// Rows that somebody is writing are left to whoever tells of that change.
Result<void> PostgresLinkOutbox::forget(std::span<const links::VersionOfCode> told) {
    ArrayText codes, versions;
    for (const auto& one : told) {
        codes.add(std::string_view(one.code));
        versions.add(one.version);
    }
    const auto done = primary_.with([&](Connection& connection) {
        return connection.query(
            "DELETE FROM link_outbox WHERE short_code IN (SELECT o.short_code FROM link_outbox o"
            " JOIN unnest($1::text[], $2::bigint[]) AS u(code, version)"
            " ON o.short_code = u.code AND o.version <= u.version FOR UPDATE OF o SKIP LOCKED)",
            Parameters().add(codes).add(versions));
    });
    if (!done) return done.error();
    return {};
}

Result<void> note_changes(Transaction& transaction, const ArrayText& codes,
                          const ArrayText& versions) {
    const auto noted = transaction.query(
        "INSERT INTO link_outbox(short_code, version)"
        " SELECT u.code, u.version FROM unnest($1::text[], $2::bigint[]) AS u(code, version)"
        " ORDER BY u.code COLLATE \"C\""
        " ON CONFLICT (short_code) DO UPDATE SET"
        " version = greatest(link_outbox.version, excluded.version), noted_at = clock_timestamp()",
        Parameters().add(codes).add(versions));
    if (!noted) return noted.error();
    return {};
}

}  // namespace qck::postgres
