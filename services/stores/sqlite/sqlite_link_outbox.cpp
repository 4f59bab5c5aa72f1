#include "services/stores/sqlite/sqlite_link_outbox.hpp"

#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "services/stores/sqlite/link_rows.hpp"

namespace qck::sqlite {

Result<std::unique_ptr<SqliteLinkOutbox>> SqliteLinkOutbox::open(
    WriteQueue& queue, const std::filesystem::path& file) {
    // Read-write mode, though nothing is written: see SqliteLinkStore.
    DbOptions options;
    options.mode = OpenMode::read_write;
    auto db = Db::open(file, options);
    if (!db) return db.error();
    return std::unique_ptr<SqliteLinkOutbox>(new SqliteLinkOutbox(queue, std::move(*db)));
}

Result<std::vector<links::NotedChange>> SqliteLinkOutbox::noted(std::chrono::milliseconds age,
                                                                std::size_t limit) {
    const std::lock_guard lock(mutex_);
    auto select = db_.cached(
        "SELECT " QCK_LINK_COLUMNS
        ",noted_code,noted_version,removed_version"
        " FROM (SELECT code AS noted_code,version AS noted_version FROM link_outbox"
        " WHERE noted_at_ms<=? ORDER BY noted_at_ms LIMIT ?)"
        " LEFT JOIN links ON code=noted_code"
        " LEFT JOIN (SELECT code AS removed_code,version AS removed_version FROM removed_links)"
        " ON removed_code=noted_code");
    if (!select) return select.error();
    const StatementScope statement(**select);
    statement->bind(1, wall_ms() - age.count()).bind(2, static_cast<std::uint64_t>(limit));
    constexpr int outbox_code = 9;  // the first column after those of the link
    std::vector<links::NotedChange> changes;
    while (true) {
        const auto row = statement->step();
        if (!row) return row.error();
        if (!*row) return changes;
        links::NotedChange change;
        change.code = statement->text(outbox_code);
        change.version = static_cast<std::uint64_t>(statement->integer(outbox_code + 1));
        if (!statement->is_null(0)) {
            change.link = link_of(*statement);
        } else {
            change.absent_version =
                statement->is_null(outbox_code + 2)
                    ? change.version
                    : static_cast<std::uint64_t>(statement->integer(outbox_code + 2));
        }
        changes.push_back(std::move(change));
    }
}

Result<void> SqliteLinkOutbox::forget(std::span<const links::VersionOfCode> told) {
    return queue_.run_blocking([told](Db& db) -> Result<void> {
        auto remove = db.cached("DELETE FROM link_outbox WHERE code=? AND version<=?");
        if (!remove) return remove.error();
        for (const auto& one : told) {
            (*remove)->bind(1, std::string_view(one.code)).bind(2, one.version);
            if (auto done = (*remove)->run(); !done) return done;
        }
        return {};
    });
}

}  // namespace qck::sqlite
