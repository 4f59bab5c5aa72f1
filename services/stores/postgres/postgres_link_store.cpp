#include "services/stores/postgres/postgres_link_store.hpp"

#include <utility>

#include "services/stores/postgres/link_rows.hpp"

namespace qck::postgres {

using links::Link;

namespace {

Result<std::optional<Link>> first_link(const Result<Rows>& rows) {
    if (!rows) return rows.error();
    if (rows->size() == 0) return std::optional<Link>{};
    return std::optional(link_of(*rows, 0));
}

Result<std::vector<Link>> all_links(const Result<Rows>& rows) {
    if (!rows) return rows.error();
    std::vector<Link> links;
    links.reserve(rows->size());
    for (std::size_t row = 0; row < rows->size(); ++row) links.push_back(link_of(*rows, row));
    return links;
}

}  // namespace

Result<std::optional<Link>> PostgresLinkStore::find(std::string_view code) {
    if (!may_be_a_code(code)) return std::optional<Link>{};
    return first_link(primary_.with([&](Connection& connection) {
        return connection.query("SELECT " QCK_LINK_COLUMNS
                                " FROM links WHERE short_code = $1::text",
                                Parameters().add(code));
    }));
}

Result<std::vector<Link>> PostgresLinkStore::find_by_ids(std::span<const std::uint64_t> ids) {
    ArrayText wanted;
    for (const std::uint64_t id : ids) wanted.add(id);
    return all_links(primary_.with([&](Connection& connection) {
        return connection.query("SELECT " QCK_LINK_COLUMNS
                                " FROM links WHERE id = ANY($1::bigint[])",
                                Parameters().add(wanted));
    }));
}

Result<std::vector<Link>> PostgresLinkStore::list(std::string_view after, std::size_t limit) {
    if (!may_be_a_code(after)) {
        return error(Errc::invalid_argument, "'after' is no code: codes are letters and digits");
    }
    const auto rows = with_replica(replica_, primary_, [&](Connection& connection) {
        return connection.query(
            "SELECT " QCK_LINK_COLUMNS
            " FROM links WHERE short_code > $1::text ORDER BY short_code LIMIT $2::bigint",
            Parameters().add(after).add(static_cast<std::uint64_t>(limit)));
    });
    return all_links(rows);
}

Result<std::uint64_t> PostgresLinkStore::count() {
    const auto rows = with_replica(replica_, primary_, [](Connection& connection) {
        return connection.execute("SELECT count(*) FROM links");
    });
    if (!rows) return rows.error();
    return rows->number(0, 0);
}

void PostgresLinkStore::create_later(std::vector<Link> links, links::OnConflict on_conflict,
                                     Created done) {
    changes_.submit(Creation(std::move(links), on_conflict, std::move(done)));
}

void PostgresLinkStore::update_later(std::string code, links::LinkPatch patch, Changed done) {
    changes_.submit(Alteration(std::move(code), std::move(patch), std::move(done)));
}

void PostgresLinkStore::remove_later(std::string code, Changed done) {
    changes_.submit(Alteration(std::move(code), std::nullopt, std::move(done)));
}

}  // namespace qck::postgres
